/**
 * A request and a response as the app sees them, whichever host they come from: a `fetch` handler or Node's own server.
 * There is no framework between: its objects cost a third of what a bare Node server can do (docs/decisions.md).
 */

/** A request whose body has not been read yet. */
export interface HttpRequest {
  /** In capitals, as in the request line. */
  readonly method: string;
  /** Path and query as they came, not decoded: `/api/v1/tasks/?page=2`. */
  readonly target: string;
  /** `http` or `https`, as this host received it. Default `http`. */
  readonly scheme?: string | undefined;
  /** Of HTTP, such as `1.1`, where the host knows it. */
  readonly protocolVersion?: string | undefined;
  /** The header of this lower-case name; several are joined by `, `. */
  header(name: string): string | undefined;
  /**
   * Aborts with a {@link ClientGoneError} when the connection of the client is gone, where the host can tell: a request that
   * waits is given up then. Read only of a request that has to wait, or may have to.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The whole body; empty where there is none.
   * @param limit bytes
   * @throws HttpError `payload_too_large` as soon as more than `limit` bytes have been announced or sent
   */
  readBody(limit: number, reading?: BodyReading): Promise<Uint8Array>;
  /**
   * The body as it comes in, read no faster than it is asked for.
   * @param signal aborts when the body is to be read no further, also while a piece is waited for; reading then rejects with
   *   its reason
   * @throws InvalidRequestError when it breaks off
   */
  readChunks(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** How the reading of a body is followed, and ended. */
export interface BodyReading {
  /** Called with the bytes of each piece as it comes in. */
  readonly onBytes: (count: number) => void;
  /** Aborts when the body is to be read no further; reading then rejects with its reason. */
  readonly signal: AbortSignal;
}

/** A response in full. */
export interface WholeResponse {
  readonly status: number;
  /** Names in lower case. `content-length` is the host's to set. */
  readonly headers: Record<string, string>;
  /** `undefined` for none. The host leaves it out of the answer to a HEAD. Several answers may share bytes. */
  readonly body: string | Uint8Array<ArrayBuffer> | undefined;
}

/** A response whose body is sent as it is made. */
export interface StreamedResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  /**
   * Asked for the next piece no faster than they are sent, and let go when nobody wants the rest. When a piece cannot be
   * had, the host must break the answer off, so that it does not look as if it were whole.
   */
  readonly body: AsyncIterable<string>;
  /** Aborts when the host must break the answer off, whatever it waits for. */
  readonly signal?: AbortSignal | undefined;
}

export type HttpResponse = WholeResponse | StreamedResponse;

/** The answer of a path that needs no key. */
export interface OpenAnswer extends WholeResponse {
  /** A sentence for the log, where the answer is that something is wrong. */
  readonly unwell?: string | undefined;
}

/** Answers a path that needs no key; `path` is as it came, with its trailing slash if it has one. */
export type OpenPage = (path: string, request: HttpRequest) => OpenAnswer | Promise<OpenAnswer>;

/** Whether a response's body is sent as it is made. */
export function isStreamed(response: HttpResponse): response is StreamedResponse {
  return typeof response.body === "object" && Symbol.asyncIterator in response.body;
}

/** Path and query of a request's target, which a proxy may send with scheme and host before it. */
export function splitTarget(target: string): [path: string, query: string] {
  const local = target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  const path = mark === -1 ? local : local.slice(0, mark);
  // An authority alone stands for its root (RFC 9112, 3.2.2).
  return [path === "" ? "/" : path, mark === -1 ? "" : local.slice(mark + 1)];
}

/**
 * Adds what every answer has, whichever host sends it: no browser takes one for another type than it says. Answers with
 * rows are `no-store` besides, where they are made; the pages have a policy of their own (`openapi/docs-pages.ts`).
 */
export function setSecurityHeaders(headers: Record<string, string>): void {
  headers["x-content-type-options"] = "nosniff";
}
