import type { HttpResponse, OpenPage } from "../http-message.ts";
import { openApiDocument } from "../openapi/openapi-document.ts";
import { type DocsAsset, docsAssets, readAsset } from "./assets.ts";

/** What pages and scripts may load and do: only what this service itself serves. */
function contentSecurityPolicy(extra: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    // Both libraries write their styles into the page.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    ...(extra === "" ? [] : [extra]),
  ].join("; ");
}

const securityHeaders = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

// Scripts find the document from where they are themselves, so that the pages work wherever the app is mounted.
const swaggerScript = `const here = new URL("..", document.currentScript.src);
SwaggerUIBundle({
  url: new URL("openapi.json", here).href,
  dom_id: "#page",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

const redocScript = `const here = new URL("..", document.currentScript.src);
Redoc.init(new URL("openapi.json", here).href, { hideHostname: true }, document.getElementById("page"));
`;

interface Page {
  /** Its folder, from the page's own URL: its last segment, or nothing behind a trailing slash. */
  readonly name: "docs" | "redoc";
  readonly title: string;
  readonly style: string;
  readonly script: string;
  readonly policy: string;
}

const pages: readonly (Page & { readonly initialize: string })[] = [
  {
    name: "docs",
    title: "Flux DAO Service: try the API",
    style: "swagger-ui.css",
    script: "swagger-ui-bundle.js",
    policy: contentSecurityPolicy(""),
    initialize: swaggerScript,
  },
  {
    name: "redoc",
    title: "Flux DAO Service: the API",
    style: "",
    script: "redoc.standalone.js",
    // Its search runs in a worker that it makes of its own text.
    policy: contentSecurityPolicy("worker-src blob:"),
    initialize: redocScript,
  },
];

/** `/docs`, `/redoc`, `/openapi.json` and the files that they need, by path. */
export function docsPages(): [path: string, page: OpenPage][] {
  return [
    ["/openapi.json", answerDocument],
    ...pages.flatMap((page): [string, OpenPage][] => [
      [`/${page.name}`, (path) => answerPage(page, path.endsWith("/"))],
      [`/${page.name}/initialize.js`, () => answerText("text/javascript; charset=utf-8", page.initialize)],
    ]),
    ...docsAssets.map((asset): [string, OpenPage] => [asset.path, () => answerAsset(asset)]),
  ];
}

function answerPage({ name, title, style, script, policy }: Page, hasSlash: boolean): HttpResponse {
  const folder = hasSlash ? "" : `${name}/`;
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title}</title>
    <link rel="icon" href="data:," />${style === "" ? "" : `\n    <link rel="stylesheet" href="${folder}${style}" />`}
  </head>
  <body style="margin: 0">
    <div id="page"></div>
    <script src="${folder}${script}"></script>
    <script src="${folder}initialize.js"></script>
  </body>
</html>
`;
  const response = answerText("text/html; charset=utf-8", html);
  response.headers["content-security-policy"] = policy;
  return response;
}

async function answerAsset(asset: DocsAsset): Promise<HttpResponse> {
  return answerText(asset.contentType, await readAsset(asset));
}

function answerText(contentType: string, body: string): HttpResponse {
  return {
    status: 200,
    headers: { "content-type": contentType, "cache-control": "no-cache", ...securityHeaders },
    body,
  };
}

let document: string | undefined;

function answerDocument(): HttpResponse {
  document ??= JSON.stringify(openApiDocument());
  return answerText("application/json", document);
}
