import { invalidRequest } from "./problem.ts";

/** A path that exists: the route of each method, and the value of the path's parameter. */
export interface RouteMatch<Route> {
  readonly methods: ReadonlyMap<string, Route>;
  readonly allow: string;
  /** Decoded; `undefined` if the path has no parameter. */
  readonly parameter: string | undefined;
}

/** Finds the route of a path. Fixed paths take precedence over those with a parameter; a trailing slash is ignored. */
export class Router<Route> {
  readonly #fixed = new Map<string, RouteMatch<Route>>();
  /** By the path with `{}` in place of the parameter. */
  readonly #templates = new Map<string, RouteMatch<Route>>();
  /** Which segments of paths are parameters. */
  readonly #parameterAt = new Set<number>();

  /** @param path with at most one parameter: `/api/v1/tasks/{task_id}` */
  add(method: string, path: string, route: Route): void {
    const key = canonical(path).replace(/\{\w+\}/, "{}");
    const parameterAt = key.split("/").indexOf("{}");
    if (parameterAt !== -1) this.#parameterAt.add(parameterAt);
    const paths = parameterAt === -1 ? this.#fixed : this.#templates;
    const methods = new Map(paths.get(key)?.methods).set(method, route);
    // HEAD is allowed wherever GET is (RFC 9110, 9.3.2).
    if (method === "GET") methods.set("HEAD", route);
    paths.set(key, { methods, allow: [...methods.keys()].sort().join(", "), parameter: undefined });
  }

  /** @param path as received, percent-encoded */
  match(path: string): RouteMatch<Route> | undefined {
    const key = canonical(path);
    const fixed = this.#fixed.get(key);
    if (fixed !== undefined) return fixed;
    for (const index of this.#parameterAt) {
      let start = 1;
      for (let slashes = 1; slashes < index && start > 0; slashes++) start = key.indexOf("/", start) + 1;
      const slash = key.indexOf("/", start);
      const end = slash === -1 ? key.length : slash;
      if (start === 0 || start === end) continue;
      const match = this.#templates.get(`${key.slice(0, start)}{}${key.slice(end)}`);
      if (match === undefined) continue;
      const { methods, allow } = match;
      return { methods, allow, parameter: decoded(key.slice(start, end)) };
    }
    return undefined;
  }
}

const decoded = (segment: string) => (segment.includes("%") ? decodeURIComponent(segment) : segment);

/** A single spelling for equivalent paths: no trailing slash, and only necessary characters encoded. */
function canonical(path: string): string {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  if (!trimmed.includes("%")) return trimmed;
  try {
    return trimmed
      .split("/")
      .map((segment) => encodeURIComponent(decodeURIComponent(segment)))
      .join("/");
  } catch {
    throw invalidRequest("has a path whose percent-encoding is not UTF-8");
  }
}

/** What the paths of the app begin with. */
export const OWN_PATHS = ["/api/v1", "/health", "/ready", "/docs", "/redoc", "/guide", "/explore", "/openapi.json"];

const isAt = (path: string, base: string) => path === base || path.startsWith(`${base}/`);

export function isBasePath(text: string): boolean {
  // With the characters of a path in requests and headers (RFC 3986, 3.3). What begins with `//` would be a host.
  return /^(?:\/(?!\/)[\w.~!$&'()*+,;=:@%/-]*)?$/.test(text);
}

export type BasePath = ReturnType<typeof basePathOf>;

/**
 * The path under which a host mounts the app: the prefix of the app's own paths in requests.
 * @throws TypeError for an invalid path, such as `dao` or `/dao?x`
 */
export function basePathOf(path: string) {
  if (!isBasePath(path)) {
    throw new TypeError(`The basePath ${JSON.stringify(path)} is not a path. Write it as /dao, with a leading slash.`);
  }
  /** Without a trailing slash; empty at the root. */
  const prefix = path.replace(/\/+$/, "");
  /** Whether one of the app's own paths can begin with the prefix, so that the beginning alone is ambiguous. */
  const isAmbiguous = OWN_PATHS.some((own) => isAt(own, prefix));
  return { prefix, strip };

  /** The app's own path for the path of a request, whether or not a host or proxy has removed the prefix. */
  function strip(path: string): string {
    if (prefix === "" || !isAt(path, prefix)) return path;
    const rest = path.slice(prefix.length);
    if (isAmbiguous && !OWN_PATHS.some((own) => isAt(rest, own))) return path;
    return rest === "" ? "/" : rest;
  }
}
