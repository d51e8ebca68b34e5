import type { HttpRequest, WholeResponse } from "./http-message.ts";

/** What pages of other origins may send and read besides what every page may (Fetch standard, "CORS protocol"). */
const METHODS = "GET, POST, PATCH, PUT, DELETE";
const REQUEST_HEADERS =
  "X-Flux-Service-Key, Content-Type, If-Match, If-None-Match, Idempotency-Key, Flux-Position, X-Request-Id";
const RESPONSE_HEADERS = "ETag, Link, Location, Allow, Retry-After, Flux-Position, X-Request-Id, Idempotent-Replayed";

/** Seconds for which browsers remember that an origin may call; none keeps more than two hours. */
const MAX_AGE = "7200";

/** Which pages of other origins a browser lets call the API. */
export class CorsPolicy {
  readonly #origins: ReadonlySet<string>;

  /** @throws TypeError for what is no origin, such as `*`: a page that has a key is one that its operator knows */
  constructor(origins: readonly string[]) {
    for (const origin of origins) {
      if (!CorsPolicy.isOrigin(origin)) {
        const expected = "an origin such as https://app.example.com, without a path";
        throw new TypeError(`corsOrigins has ${JSON.stringify(origin)}, which is not ${expected}.`);
      }
    }
    this.#origins = new Set(origins);
  }

  static isOrigin(text: string): boolean {
    return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
  }

  /** The response to a browser's question whether an origin may call, which has no key; `undefined` for other requests. */
  preflight(request: HttpRequest): WholeResponse | undefined {
    if (request.method !== "OPTIONS" || request.header("access-control-request-method") === undefined) return undefined;
    if (!this.#origins.has(request.header("origin") ?? "")) return undefined;
    const headers = {
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": MAX_AGE,
    };
    return { status: 204, headers, body: undefined };
  }

  /** Adds what a browser needs to show the response to a page of the request's origin. */
  allow(request: HttpRequest, headers: Record<string, string>): void {
    headers["vary"] = headers["vary"] === undefined ? "origin" : `${headers["vary"]}, origin`;
    const origin = request.header("origin");
    if (origin === undefined || !this.#origins.has(origin)) return;
    headers["access-control-allow-origin"] = origin;
    headers["access-control-expose-headers"] = RESPONSE_HEADERS;
  }
}
