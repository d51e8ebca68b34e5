import type { HttpRequest, WholeResponse } from "./http-message.ts";

/** What pages of other origins may send and read besides what every page may (Fetch standard, "CORS protocol"). */
const METHODS = "GET, POST, PATCH, PUT, DELETE";
const REQUEST_HEADERS =
  "X-Flux-Service-Key, Content-Type, If-Match, If-None-Match, Idempotency-Key, Flux-Position, X-Request-Id";
const RESPONSE_HEADERS = "ETag, Link, Location, Allow, Retry-After, Flux-Position, X-Request-Id, Idempotent-Replayed";

/** Seconds for which browsers remember that an origin may call; none keeps more than two hours. */
const MAX_AGE = "7200";

export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/**
 * Which pages of other origins a browser lets call the API.
 * @throws TypeError for what is no origin, such as `*`: a page that has a key is one that its operator knows
 */
export function corsPolicy(origins: readonly string[]) {
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong !== undefined) {
    const expected = "an origin such as https://app.example.com, without a path";
    throw new TypeError(`corsOrigins has ${JSON.stringify(wrong)}, which is not ${expected}.`);
  }
  const known: ReadonlySet<string> = new Set(origins);
  return { preflight, allow };

  /** The response to a browser's question whether an origin may call, which has no key; `undefined` for other requests. */
  function preflight(request: HttpRequest): WholeResponse | undefined {
    if (request.method !== "OPTIONS" || request.header("access-control-request-method") === undefined) return undefined;
    if (!known.has(request.header("origin") ?? "")) return undefined;
    const headers = {
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": MAX_AGE,
    };
    return { status: 204, headers, body: undefined };
  }

  /** Adds what a browser needs to show the response to a page of the request's origin. */
  function allow(request: HttpRequest, headers: Record<string, string>): void {
    headers["vary"] = headers["vary"] === undefined ? "origin" : `${headers["vary"]}, origin`;
    const origin = request.header("origin");
    if (origin === undefined || !known.has(origin)) return;
    headers["access-control-allow-origin"] = origin;
    headers["access-control-expose-headers"] = RESPONSE_HEADERS;
  }
}
