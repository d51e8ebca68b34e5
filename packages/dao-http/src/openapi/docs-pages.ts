import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import type { HttpRequest, PublicRoute } from "../http/http-message.ts";
import { docsAssets, readAsset } from "./docs-assets.ts";
import { openApiJson } from "./openapi.gen.ts";

const javascript = "text/javascript; charset=utf-8";

/** Pages and scripts may load only what this service itself serves. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  // Both libraries write their styles into the page.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const securityHeaders = {
  // For browsers that do not know frame-ancestors.
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

interface Page {
  readonly name: "docs" | "redoc";
  readonly title: string;
  readonly style?: string;
  readonly script: string;
  /** Shows the document at `url`. */
  readonly start: string;
  readonly policy: string;
}

const pages: readonly Page[] = [
  {
    name: "docs",
    title: "Flux DAO Service: try the API",
    style: "swagger-ui.css",
    script: "swagger-ui-bundle.js",
    start: 'SwaggerUIBundle({ url, dom_id: "#page", deepLinking: true, tryItOutEnabled: true, validatorUrl: null });',
    policy: contentSecurityPolicy,
  },
  {
    name: "redoc",
    title: "Flux DAO Service: the API",
    script: "redoc.standalone.js",
    start: 'Redoc.init(url, { hideHostname: true }, document.getElementById("page"));',
    // Its search runs in a worker created from its own source.
    policy: `${contentSecurityPolicy}; worker-src blob:`,
  },
];

// Relative to the script, so that the pages work wherever the app is mounted.
const documentUrl = 'const url = new URL("../openapi.json", document.currentScript.src).href;';

/** `/docs`, `/redoc`, `/openapi.json` and the files that they need, by path. */
export const docsPages: readonly (readonly [path: string, route: PublicRoute])[] = [
  ["/openapi.json", serve("application/json", async () => openApiJson)],
  ...pages.flatMap((page): [string, PublicRoute][] => {
    const [plain, withSlash] = [servePage(page, `${page.name}/`), servePage(page, "")];
    return [
      [`/${page.name}`, (path, request) => (path.endsWith("/") ? withSlash : plain)(path, request)],
      [`/${page.name}/initialize.js`, serve(javascript, async () => `${documentUrl}\n${page.start}\n`)],
    ];
  }),
  ...docsAssets.map((asset) => {
    const contentType = asset.file.endsWith(".css") ? "text/css; charset=utf-8" : javascript;
    return [`/${asset.page}/${asset.file}`, serve(contentType, () => readAsset(asset))] as const;
  }),
];

/** @param folder of the page's files, relative to the page's URL */
function servePage({ title, style, script, policy }: Page, folder: string): PublicRoute {
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title}</title>
    <link rel="icon" href="data:," />${style === undefined ? "" : `\n    <link rel="stylesheet" href="${folder}${style}" />`}
  </head>
  <body style="margin: 0">
    <div id="page"></div>
    <script src="${folder}${script}"></script>
    <script src="${folder}initialize.js"></script>
  </body>
</html>
`;
  return serve("text/html; charset=utf-8", async () => html, { "content-security-policy": policy });
}

/** Serves content that does not change while the process runs, with an `ETag`. It is made once: all responses share its bytes. */
function serve(
  contentType: string,
  load: () => Promise<string>,
  headers?: Readonly<Record<string, string>>,
): PublicRoute {
  let loaded: Promise<Uint8Array<ArrayBuffer>> | undefined;
  let etag: string | undefined;
  return async (_, request) => {
    loaded ??= load().then((text) => Buffer.from(text));
    const body = await loaded.catch((error) => {
      // The next call may succeed.
      loaded = undefined;
      throw error;
    });
    etag ??= `"${hash("sha256", body, "base64url")}"`;
    const always = { etag, "cache-control": "no-cache", ...securityHeaders, ...headers };
    if (hasCopy(request, etag)) return { status: 304, headers: always, body: undefined };
    return { status: 200, headers: { "content-type": contentType, ...always }, body };
  };
}

/** Whether the caller has a copy with this `ETag` (RFC 9110, 13.1.2). */
function hasCopy(request: HttpRequest, etag: string): boolean {
  const tags = request.header("if-none-match")?.split(",") ?? [];
  return tags.some((tag) => ["*", etag, `W/${etag}`].includes(tag.trim()));
}
