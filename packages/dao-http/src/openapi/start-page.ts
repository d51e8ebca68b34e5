import { hash } from "node:crypto";
import { type HttpRequest, splitTarget } from "../http/http-message.ts";
import { VERSION } from "../wire/version.gen.ts";
import { policyOf, securityHeaders } from "./docs-pages.ts";

/** Where the page leads, and what for: the paths of this service, from its root. */
const links = [
  ["/docs", "try the API (Swagger UI)"],
  ["/redoc", "read the API"],
  ["/explore", "look at the data"],
  ["/guide", "the command, the client, and what each error means"],
  ["/openapi.json", "the OpenAPI document"],
  ["/health", "whether the process runs"],
  ["/ready", "whether the database can be used"],
] as const;

/** Those that are served without the pages of documentation, too. */
const always: ReadonlySet<string> = new Set(["/health", "/ready"]);

/** What `/ready` responds with, and the page shows. */
export interface ServiceState {
  readonly status: "ready" | "not_ready";
  /** Why it is not ready. */
  readonly detail?: string;
  /** For the log, and those who look: what does not work, if anything. */
  readonly warning?: string;
}

/**
 * Responds to `/`: what this is, its state, and where to go; as a page to browsers, and as JSON to all else.
 * @param prefix the path that the app is mounted at; empty at the root
 */
export function respondStartPage(request: HttpRequest, state: ServiceState, prefix: string, hasDocs: boolean) {
  const shown = links.filter(([path]) => hasDocs || always.has(path));
  const headers = { "cache-control": "no-store", vary: "accept" };
  if (acceptsHtml(request.header("accept"))) {
    // Relative, so that they are right behind a proxy that removes a prefix.
    const folder = splitTarget(request.target)[0].split("/").at(-1);
    const body = page(state, shown, folder ? `./${folder}` : ".");
    const pageHeaders = { "content-type": "text/html; charset=utf-8", "content-security-policy": policy };
    return { status: 200, headers: { ...headers, ...securityHeaders, ...pageHeaders }, body };
  }
  const { warning: _, ...readiness } = state;
  const paths = shown.map(([path]) => [path.slice(1).replace(".json", ""), prefix + path]);
  const document = {
    service: "Flux DAO Service",
    version: VERSION,
    ...readiness,
    links: { api: `${prefix}/api/v1`, ...Object.fromEntries(paths) },
  };
  return { status: 200, headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(document) };
}

/** Whether a page is asked for by name, and not after JSON: programs send the wildcard, or nothing. */
function acceptsHtml(accept = ""): boolean {
  const weightOf = (type: string) => {
    const range = accept.split(",").find((one) => one.split(";")[0]?.trim().toLowerCase() === type);
    return range === undefined ? 0 : Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1);
  };
  return weightOf("text/html") > weightOf("application/json");
}

const style = `
:root { color-scheme: light dark }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 1.5rem }
h1 { font-size: 1.5rem }
dt { font-weight: 600 }
dd { margin: 0 0 .75rem }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: .25rem }
`;

const policy = policyOf(`style-src 'sha256-${hash("sha256", style, "base64")}'`, "img-src data:");

function page(state: ServiceState, shown: readonly (readonly [path: string, what: string])[], base: string): string {
  const ready = state.warning ?? "It responds, and has the schema that this version needs.";
  const rows = shown.map(([path, what]) => `<li><a href="${escapeHtml(base + path)}">${path}</a>: ${what}</li>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flux DAO Service</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>Flux DAO Service</h1>
<p>The users, goals, milestones, tasks and conversations of the Flux agents, as a REST API.</p>
<dl>
<dt>Version</dt><dd>${VERSION}</dd>
<dt>Database: ${state.status === "ready" ? "ready" : "not ready"}</dt><dd>${escapeHtml(state.detail ?? ready)}</dd>
</dl>
<ul>
${rows.join("\n")}
</ul>
<p>Everything below <code>/api/v1</code> needs a service key:</p>
<pre>curl -H "X-Flux-Service-Key: …" http://…/api/v1/users/</pre>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
