import type { InstrumentedRequest } from "@flux/dao-core";

/** A request and a response, on any host. A framework's would cost a third of the throughput (docs/decisions.md). */

/** A request whose body has not been read yet. */
export interface HttpRequest extends InstrumentedRequest {
  /**
   * Aborts with a `ClientGoneError` when the client disconnects, if the host can tell; a waiting request is then dropped. Read
   * only for a request that has to wait, or may have to.
   */
  readonly signal?: AbortSignal | undefined;
  /** The whole body, if it has arrived and none was read, so that nothing has to be awaited. */
  readonly arrivedBody?: (() => Uint8Array | undefined) | undefined;
  /**
   * The body as it arrives, read no faster than it is consumed.
   * @param signal stops reading, also while a piece is awaited; reading then rejects with its reason
   * @throws InvalidRequestError if it is interrupted
   */
  readChunks(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A response whose body is complete. */
export interface WholeResponse {
  readonly status: number;
  /** Names in lower case. The host sets `content-length`. */
  readonly headers: Record<string, string>;
  /** `undefined` for none. The host omits it from the response to a HEAD. Several responses may share bytes. */
  readonly body: string | Uint8Array | undefined;
}

/** A response whose body is sent as it is produced. */
export interface StreamedResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  /**
   * Iterated no faster than its pieces are sent, and closed when the rest is not needed. If it throws, the host must abort the
   * response, so that it does not look complete.
   */
  readonly body: AsyncIterable<string>;
  /** Aborts when the host must abort the response, whatever that is waiting for. */
  readonly signal?: AbortSignal | undefined;
  /** Present if it goes on for as long as its client, or this process, wants: it is logged when it ends. */
  readonly isEndless?: true;
}

export type HttpResponse = WholeResponse | StreamedResponse;

/** The response of a public route. */
export interface PublicResponse extends WholeResponse {
  /** For the log, if the response says that something is wrong. */
  readonly warning?: string | undefined;
}

/** Handles a public route; `path` is as received, with its trailing slash if it has one. */
export type PublicRoute = (path: string, request: HttpRequest) => PublicResponse | Promise<PublicResponse>;

export function isStreamed(response: HttpResponse): response is StreamedResponse {
  return typeof response.body === "object" && Symbol.asyncIterator in response.body;
}

/** Path and query of a request's target; a proxy may send it with scheme and host. */
export function splitTarget(target: string): [path: string, query: string] {
  const local = target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  const path = mark === -1 ? local : local.slice(0, mark);
  // An authority without a path means its root (RFC 9112, 3.2.2).
  return [path === "" ? "/" : path, mark === -1 ? "" : local.slice(mark + 1)];
}

/** Sets the headers of every response. */
export function setCommonHeaders(headers: Record<string, string>, requestId: string): void {
  headers["x-request-id"] = requestId;
  // Browsers must not guess another media type.
  headers["x-content-type-options"] = "nosniff";
}

const requestId = /^[\x21-\x7e]{1,200}$/;

/** The last one that was made: the server passes it on to the app at once. */
let made: string | undefined;

/** Node's global is a getter that takes longer than the id. Not at import, which would load it. */
let source: typeof crypto | undefined;

/** The request id that a caller sent, if it is 1 to 200 printable ASCII characters without a space; else a new one. */
export function requestIdOf(sent: string | undefined): string {
  if (sent !== undefined && (sent === made || requestId.test(sent))) return sent;
  source ??= crypto;
  made = source.randomUUID();
  return made;
}
