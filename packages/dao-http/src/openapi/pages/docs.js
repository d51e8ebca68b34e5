const style = {
  textAlign: "start",
  font: "inherit",
  color: "inherit",
  background: "none",
  border: 0,
  padding: 0,
  cursor: "pointer",
};

/** Shows an error as one line, until it is clicked: an operation is read at a glance. */
const foldErrors = ({ React }) => ({
  wrapComponents: {
    response: (Response) => (props) => {
      const [isOpen, setOpen] = React.useState(Number(props.code) < 400);
      if (isOpen) return React.createElement(Response, props);
      const cell = (className, ...content) => React.createElement("td", { className }, ...content);
      const open = {
        type: "button",
        title: "Show an example",
        onClick: () => setOpen(true),
        style,
      };
      const words = React.createElement("button", open, `▸ ${props.response.get("description") ?? "Error"}`);
      return React.createElement(
        "tr",
        { className: "response" },
        cell("response-col_status", props.code),
        cell("response-col_description", words),
        cell("response-col_links"),
      );
    },
  },
});

// Relative to this script, so that the page works wherever the app is mounted.
SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#page",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [foldErrors],
});
