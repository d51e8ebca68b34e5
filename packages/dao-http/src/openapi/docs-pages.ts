import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import type { HttpRequest, PublicRoute } from "../http/http-message.ts";
import { docsFiles, readDocsFile } from "./docs-assets.ts";

/** A policy that permits a page nothing else. */
export const policyOf = (...permitted: readonly string[]): string =>
  ["default-src 'none'", ...permitted, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].join("; ");

/** Pages and scripts may load only what this service itself serves. */
const contentSecurityPolicy = policyOf(
  "script-src 'self'",
  // Both libraries write their styles into the page.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
);

/** Of every page. */
export const securityHeaders = {
  // For browsers that do not know frame-ancestors.
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** The policies of pages that need another. */
const policies: Readonly<Record<string, string>> = {
  // Its search runs in a worker created from its own source.
  "/redoc": `${contentSecurityPolicy}; worker-src blob:`,
  // Ours: its styles are a file, and no text can become HTML or a script.
  "/explore": `${contentSecurityPolicy.replace(" 'unsafe-inline'", "")}; require-trusted-types-for 'script'; trusted-types 'none'`,
};

/** `/docs`, `/redoc`, `/guide`, `/explore`, `/openapi.json` and the files that they need, by path. */
export const docsPages: readonly (readonly [path: string, route: PublicRoute])[] = [
  // Loaded when it is asked for, as the files are.
  ["/openapi.json", serve("application/json", async () => (await import("./openapi.gen.ts")).openApiJson)],
  ...Object.entries(docsFiles).map(([path, source]) => [path, routeOf(path, source)] as const),
];

function routeOf(path: string, source: string): PublicRoute {
  const load = () => readDocsFile(source);
  if (source.endsWith(".css")) return serve("text/css; charset=utf-8", load);
  if (source.endsWith(".js")) return serve("text/javascript; charset=utf-8", load);
  const html = (load: () => Promise<string>) =>
    serve("text/html; charset=utf-8", load, policies[path] ?? contentSecurityPolicy);
  const plain = html(load);
  // Links to the page's files are relative to its URL.
  const withSlash = html(async () => (await load()).replaceAll(`"${path.slice(1)}/`, '"'));
  return (asked, request) => (asked.endsWith("/") ? withSlash : plain)(asked, request);
}

/** Where the guide is, relative to the path of a request: a proxy may add or remove a prefix. Odd paths have no link. */
export function guideFrom(path: string): string | undefined {
  const depth = path.split("/").length - 2;
  return depth < 0 || depth > 9 ? undefined : `${"../".repeat(depth)}guide`;
}

/** Serves content that does not change while the process runs, with an `ETag`. It is made once: all responses share its bytes. */
function serve(contentType: string, load: () => Promise<string>, policy?: string): PublicRoute {
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
    const policyHeader = policy === undefined ? undefined : { "content-security-policy": policy };
    const always = { etag, "cache-control": "no-cache", ...securityHeaders, ...policyHeader };
    if (hasCopy(request, etag)) return { status: 304, headers: always, body: undefined };
    return { status: 200, headers: { "content-type": contentType, ...always }, body };
  };
}

/** Whether the caller has a copy with this `ETag` (RFC 9110, 13.1.2). */
function hasCopy(request: HttpRequest, etag: string): boolean {
  const tags = request.header("if-none-match")?.split(",") ?? [];
  return tags.some((tag) => ["*", etag, `W/${etag}`].includes(tag.trim()));
}
