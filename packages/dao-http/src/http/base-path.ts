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
