import { InvalidRequestError } from "./http-error.ts";

/** A path that exists: the route of each method, and the value of the path's parameter. */
export interface RouteMatch<Route> {
  readonly methods: ReadonlyMap<string, Route>;
  /** As the `Allow` header has it. */
  readonly allow: string;
  /** Decoded; `undefined` where the path has no parameter. */
  readonly parameter: string | undefined;
}

interface Node<Route> {
  readonly children: Map<string, Node<Route>>;
  parameter: Node<Route> | undefined;
  readonly methods: Map<string, Route>;
  allow: string;
}

function newNode<Route>(): Node<Route> {
  return { children: new Map(), parameter: undefined, methods: new Map(), allow: "" };
}

/** Finds the route of a path. Fixed segments take precedence over parameters; a trailing slash is ignored. */
export class Router<Route> {
  readonly #root: Node<Route> = newNode();
  readonly #fixed = new Map<string, RouteMatch<Route>>();

  /** @param path with at most one parameter: `/api/v1/tasks/{task_id}` */
  add(method: string, path: string, route: Route): void {
    let node = this.#root;
    for (const segment of segmentsOf(path)) {
      let next = segment.startsWith("{") ? node.parameter : node.children.get(segment);
      if (next === undefined) {
        next = newNode<Route>();
        if (segment.startsWith("{")) node.parameter = next;
        else node.children.set(segment, next);
      }
      node = next;
    }
    node.methods.set(method, route);
    // HEAD is allowed wherever GET is (RFC 9110, 9.3.2).
    if (method === "GET") node.methods.set("HEAD", route);
    node.allow = [...node.methods.keys()].sort().join(", ");
    if (!path.includes("{")) {
      this.#fixed.set(withoutTrailingSlash(path), { methods: node.methods, allow: node.allow, parameter: undefined });
    }
  }

  /**
   * @param path as received, percent-encoded
   * @throws InvalidRequestError for an invalid encoding
   */
  match(path: string): RouteMatch<Route> | undefined {
    const fixed = this.#fixed.get(withoutTrailingSlash(path));
    if (fixed !== undefined) return fixed;
    const segments = segmentsOf(path);
    return this.#find(this.#root, path.includes("%") ? segments.map(decodeSegment) : segments, 0, undefined);
  }

  #find(
    node: Node<Route>,
    segments: readonly string[],
    index: number,
    parameter: string | undefined,
  ): RouteMatch<Route> | undefined {
    const segment = segments[index];
    if (segment === undefined) return toMatch(node, parameter);
    const child = node.children.get(segment);
    const found = child && this.#find(child, segments, index + 1, parameter);
    if (found !== undefined || node.parameter === undefined || segment === "") return found;
    return this.#find(node.parameter, segments, index + 1, segment);
  }
}

function toMatch<Route>({ methods, allow }: Node<Route>, parameter: string | undefined): RouteMatch<Route> | undefined {
  return methods.size === 0 ? undefined : { methods, allow, parameter };
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function segmentsOf(path: string): string[] {
  return withoutTrailingSlash(path).slice(1).split("/");
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new InvalidRequestError([{ path: "", message: "has a path whose percent-encoding is not UTF-8" }]);
  }
}

/** The beginnings of the app's own paths. */
const OWN_PATHS = ["/api/v1", "/health", "/ready", "/docs", "/redoc", "/openapi.json"];

const isAt = (path: string, base: string) => path === base || path.startsWith(`${base}/`);

/** The path under which a host mounts the app: the prefix of the app's own paths in requests. */
export class BasePath {
  /** Without a trailing slash; empty at the root. */
  readonly prefix: string;
  /** Whether one of the app's own paths can begin with the prefix, so that the beginning alone is ambiguous. */
  readonly #isAmbiguous: boolean;

  /** @throws TypeError for an invalid path, such as `dao` or `/dao?x` */
  constructor(basePath: string) {
    if (!/^(?:\/[^?#\s]*)?$/.test(basePath)) {
      throw new TypeError(
        `The basePath ${JSON.stringify(basePath)} is not a path. Write it as /dao, with a leading slash.`,
      );
    }
    this.prefix = basePath.replace(/\/+$/, "");
    this.#isAmbiguous = OWN_PATHS.some((own) => isAt(own, this.prefix));
  }

  /** The app's own path for the path of a request, whether or not a host or proxy has removed the prefix. */
  strip(path: string): string {
    const { prefix } = this;
    if (prefix === "" || !isAt(path, prefix)) return path;
    const rest = path.slice(prefix.length);
    if (this.#isAmbiguous && !OWN_PATHS.some((own) => isAt(rest, own))) return path;
    return rest === "" ? "/" : rest;
  }
}
