import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type HttpRequest, type HttpResponse, isStreamed, type StreamedResponse } from "../http/http-message.ts";
import { bodyBrokeOff, bodyReadAlready } from "../http/problem.ts";
import { NDJSON } from "../wire/json.ts";
import { LINGER_IDLE, LINGER_TOTAL, SEND_SLICE } from "../wire/limits.ts";
import { isError } from "../wire/realms.ts";
import { reset } from "./connections.ts";
import { departureOf, probeByLines } from "./departure.ts";

type Handle = (request: HttpRequest) => Promise<HttpResponse>;
type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** A listener for `node:http`, Express and Fastify. Web `Request` and `Response` objects would cost more than a small response. */
export function toNodeListener(handle: Handle): NodeListener {
  return (incoming, outgoing) => void respond(handle, incoming, outgoing);
}

/** The listener for `checkContinue`: a sender gets 100 Continue when its body is about to be read, unless it is rejected. */
export function toContinueListener(handle: Handle): NodeListener {
  return (incoming, outgoing) => {
    // Without 100 Continue, the sender may send its body or not, so what follows on the connection is ambiguous.
    outgoing.shouldKeepAlive = false;
    void respond(handle, incoming, outgoing, () => outgoing.writeContinue());
  };
}

async function respond(handle: Handle, incoming: IncomingMessage, outgoing: ServerResponse, onRead?: () => void) {
  try {
    send(incoming, outgoing, await handle(new NodeRequest(incoming, outgoing, onRead)));
  } catch (error) {
    // Without a response the connection is useless; an unhandled rejection would end the process.
    abortResponse(outgoing, error);
  }
}

export function send(incoming: IncomingMessage, outgoing: ServerResponse, response: HttpResponse): void {
  const { status, headers } = response;
  // HTTP/2 has no such header (RFC 9113, 8.2.2).
  if (incoming.httpVersionMajor > 1) delete headers["connection"];
  if (isStreamed(response)) {
    outgoing.writeHead(status, headers);
    sendStreamed(incoming, outgoing, response);
    return;
  }
  const { body } = response;
  // A 204 has no length (RFC 9110, 8.6).
  if (body !== undefined) headers["content-length"] = String(Buffer.byteLength(body));
  outgoing.writeHead(status, headers);
  const content = incoming.method === "HEAD" ? undefined : body;
  if (content !== undefined && content.length > SEND_SLICE) sendPieces(incoming, outgoing, piecesOf(content));
  else if (isRead(incoming)) outgoing.end(content);
  else {
    if (content === undefined) outgoing.flushHeaders();
    else outgoing.write(content);
    endAfterRequest(incoming, outgoing);
  }
}

function* piecesOf(content: string | Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += SEND_SLICE) yield bytes.subarray(at, at + SEND_SLICE);
}

/** Sends a body as it is produced. If that fails, the response is aborted visibly. */
function sendStreamed(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { headers, body, signal }: StreamedResponse,
): void {
  if (headers["content-type"] === NDJSON) probeByLines(incoming, outgoing);
  const pieces = body[Symbol.asyncIterator]();
  const leave = () => void pieces.return?.().catch(() => undefined);
  if (incoming.method === "HEAD") {
    outgoing.end();
    leave();
    return;
  }
  signal?.addEventListener("abort", () => abortResponse(outgoing, signal.reason), { once: true });
  outgoing.once("close", leave);
  sendPieces(incoming, outgoing, pieces);
}

/** Aborts a response visibly: without a reset, one of HTTP/1.0 would look complete. */
function abortResponse(outgoing: ServerResponse, reason: unknown): void {
  if (outgoing.chunkedEncoding === false && outgoing.socket !== null) reset(outgoing.socket);
  else outgoing.destroy(isError(reason) ? reason : undefined);
}

function sendPieces(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  pieces: Iterator<Uint8Array> | AsyncIterator<string>,
): void {
  const isWhole = isRead(incoming);
  // The rest of the request is discarded.
  if (!isWhole) incoming.resume();
  writeAll(pieces, outgoing).then(
    () => (isWhole ? outgoing.end() : endAfterRequest(incoming, outgoing)),
    (error) => abortResponse(outgoing, error),
  );
}

/** Requests a piece when the previous one was sent; a stream would request two. */
async function writeAll(pieces: Iterator<Uint8Array> | AsyncIterator<string>, outgoing: ServerResponse): Promise<void> {
  let isClosed = false;
  let goOn: () => void = () => undefined;
  const leave = () => {
    isClosed = true;
    goOn();
  };
  outgoing.once("close", leave).on("drain", () => goOn());
  for (;;) {
    const { value, done } = await pieces.next();
    if (isClosed || done === true) return;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      // Middleware may drop the callback, and what is no connection emits no "drain".
      if (outgoing.write(value, (error) => (error == null ? resolve() : leave()))) resolve();
    });
  }
}

/** Whether all of a request has arrived. A request without a connection, as of Fastify's `inject`, is never `complete`. */
const hasEnded = ({ complete, readableEnded }: IncomingMessage) => complete || readableEnded;

function isRead(incoming: IncomingMessage): boolean {
  const { headers } = incoming;
  return hasEnded(incoming) || (headers["transfer-encoding"] === undefined && !(Number(headers["content-length"]) > 0));
}

/**
 * Ends the response to a request whose body is still arriving: for a limited time the rest is received and discarded. Closing a
 * connection with unread bytes resets it, and the reset can overtake the response.
 */
function endAfterRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (hasEnded(incoming)) {
    outgoing.end();
    return;
  }
  const finish = () => {
    clearTimeout(idle);
    clearTimeout(total);
    incoming.off("end", finish).off("close", finish);
    // In HTTP/2 this closes the stream, not the connection.
    outgoing.end(() => hasEnded(incoming) || incoming.socket.destroy());
  };
  const idle = setTimeout(finish, LINGER_IDLE);
  const total = setTimeout(finish, LINGER_TOTAL);
  incoming.on("data", () => idle.refresh()).resume();
  incoming.once("end", finish).once("close", finish);
}

/** Resolves when a body has more, or has ended; at the end of the turn, so that a packet of many chunks is one piece. */
function nextChange(incoming: IncomingMessage, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const onReadable = () => setImmediate(stop);
    const stop = () => {
      incoming.off("readable", onReadable).off("end", stop).off("close", stop).off("error", stop);
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    incoming.once("readable", onReadable).on("end", stop).on("close", stop).on("error", stop);
    signal?.addEventListener("abort", stop);
  });
}

class NodeRequest implements HttpRequest {
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #onRead: (() => void) | undefined;
  #signal: AbortSignal | undefined;

  /** @param onRead called when the body is about to be read */
  constructor(incoming: IncomingMessage, outgoing: ServerResponse, onRead?: () => void) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#onRead = onRead;
  }

  get method(): string {
    return this.#incoming.method ?? "GET";
  }

  get scheme(): string {
    return "encrypted" in this.#incoming.socket ? "https" : "http";
  }

  get protocolVersion(): string {
    return this.#incoming.httpVersion;
  }

  get target(): string {
    return this.#incoming.url ?? "/";
  }

  get signal(): AbortSignal {
    this.#signal ??= departureOf(this.#incoming, this.#outgoing);
    return this.#signal;
  }

  header(name: string): string | undefined {
    const { headers } = this.#incoming;
    // HTTP/2 has another name for it (RFC 9113, 8.3.1).
    const value = headers[name] ?? (name === "host" ? headers[":authority"] : undefined);
    return typeof value === "object" ? value.join(", ") : value;
  }

  /** Not with the stream's iterator: leaving it while it waits destroys the connection, and the response with it. */
  async *readChunks(signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const incoming = this.#incoming;
    if (incoming.readableDidRead) throw bodyReadAlready();
    this.#onRead?.();
    // An error shows when reading continues.
    incoming.on("error", () => undefined);
    while (!incoming.readableEnded) {
      signal?.throwIfAborted();
      const chunk: Buffer | null = incoming.read();
      if (chunk !== null) yield chunk;
      else if (incoming.destroyed) throw bodyBrokeOff();
      else await nextChange(incoming, signal);
    }
  }

  arrivedBody(): Uint8Array | undefined {
    const incoming = this.#incoming;
    if (incoming.readableDidRead || incoming.destroyed) return undefined;
    // Promises go on when Node has handed over the bytes of a packet, and before it reports that they were the last.
    const hasArrived = incoming.complete || incoming.readableLength === Number(incoming.headers["content-length"]);
    if (!hasArrived) return undefined;
    const body: Buffer | null = incoming.read();
    incoming.resume();
    return body ?? new Uint8Array();
  }
}
