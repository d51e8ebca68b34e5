/** What every path of the app begins with. */
const OWN_PATHS = ["/api/v1", "/health", "/ready", "/docs", "/redoc", "/openapi.json"];

const isAt = (path: string, base: string) => path === base || path.startsWith(`${base}/`);

/** Where a host mounts the app: what comes before the app's own paths in those of the callers. */
export class BasePath {
  /** Without a slash at its end; empty at the root. */
  readonly prefix: string;
  /** Whether a path of the app's own can begin like this, so that a beginning alone does not tell. */
  readonly #isAmbiguous: boolean;

  /** @throws TypeError for one that is no path, such as `dao` or `/dao?x` */
  constructor(basePath: string) {
    if (!/^(?:\/[^?#\s]*)?$/.test(basePath)) {
      throw new TypeError(
        `The basePath ${JSON.stringify(basePath)} is no path. Write it as /dao, with a slash before it.`,
      );
    }
    this.prefix = basePath.replace(/\/+$/, "");
    this.#isAmbiguous = OWN_PATHS.some((own) => isAt(own, this.prefix));
  }

  /** The app's own path that a request names, whether or not a host or a proxy has stripped the prefix from it. */
  strip(path: string): string {
    const { prefix } = this;
    if (prefix === "" || !isAt(path, prefix)) return path;
    const rest = path.slice(prefix.length);
    if (this.#isAmbiguous && !OWN_PATHS.some((own) => isAt(rest, own))) return path;
    return rest === "" ? "/" : rest;
  }
}
