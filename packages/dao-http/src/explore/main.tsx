import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { createDaoClient } from "../client/index.ts";
import { Conversation } from "./conversations.tsx";
import { Goal } from "./goals.tsx";
import { AccessContext } from "./parts.tsx";
import { enteredIn, linkTo, type Route, useRoute } from "./route.ts";
import { User, Users } from "./users.tsx";

const KEY = "flux-service-key";

/** The client throws for any other key. Spaces around a pasted one are removed. */
const KEY_PATTERN = " *[!-~]{1,200} *";
const KEY_RULE = "1 to 200 printable ASCII characters, without a space";

/** The service that the page came from, wherever it is mounted. */
const baseUrl = location.origin + location.pathname.replace(/\/explore\/?$/, "");

function App() {
  const [key, setKey] = useState(sessionStorage.getItem(KEY) ?? "");
  const [reason, setReason] = useState("");
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const access = useMemo(() => {
    const reject = (why: string) => {
      sessionStorage.removeItem(KEY);
      setReason(why);
      setKey("");
    };
    return { client: createDaoClient({ baseUrl, serviceKey: key || "none" }), reject };
  }, [key]);
  const shown = useRef(route.path);
  useEffect(() => {
    // Screen readers begin to read there. Paging stays where it is.
    if (shown.current !== route.path) main.current?.focus();
    shown.current = route.path;
  }, [route.path]);
  const enter = (entered: string) => {
    sessionStorage.setItem(KEY, entered);
    setReason("");
    setKey(entered);
  };
  return (
    <>
      <header>
        <a href={linkTo([])}>Flux data</a>
        {key !== "" && (
          <button type="button" onClick={() => access.reject("")}>
            Forget the key
          </button>
        )}
      </header>
      <main ref={main} tabIndex={-1}>
        {key === "" ? (
          <KeyForm reason={reason} enter={enter} />
        ) : (
          <AccessContext.Provider value={access}>
            <View key={route.path} route={route} />
          </AccessContext.Provider>
        )}
      </main>
    </>
  );
}

function View({ route }: { readonly route: Route }) {
  const [kind, id = ""] = route.segments;
  if (kind === "users") return <User id={id} route={route} />;
  if (kind === "goals") return <Goal id={id} route={route} />;
  if (kind === "conversations") return <Conversation id={id} route={route} />;
  return <Users route={route} />;
}

function KeyForm({ reason, enter }: { readonly reason: string; readonly enter: (key: string) => void }) {
  return (
    <form onSubmit={(event) => enter(enteredIn(event, "key"))}>
      <h1>Flux data</h1>
      <p>To look at the data, enter one of the service's keys. This tab keeps it until it is closed.</p>
      {reason !== "" && <p role="alert">{reason}</p>}
      <label for="key">Service key</label>
      <input id="key" name="key" type="password" autocomplete="off" required pattern={KEY_PATTERN} title={KEY_RULE} />
      <button type="submit">Look</button>
    </form>
  );
}

render(<App />, document.body);
