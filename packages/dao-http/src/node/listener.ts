import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyBrokeOff, bodyReadAlready, bodyTooLarge } from "../http/body-errors.ts";
import {
  type BodyReading,
  type HttpRequest,
  type HttpResponse,
  isStreamed,
  type StreamedResponse,
  type WholeResponse,
} from "../http/http-message.ts";
import { setSecurityHeaders } from "../http/security-headers.ts";
import { departureOf, probeAfterEnd } from "./departure.ts";

/** Milliseconds that an answered request may go on sending its body: without a byte, and in all. */
const LINGER_IDLE = 1_000;
const LINGER_TOTAL = 5_000;

type Handle = (request: HttpRequest) => Promise<HttpResponse>;
type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * A listener for `node:http` that answers by `handle`; Express and Fastify take it too. It does not go through web
 * `Request` and `Response` objects, which cost more than the rest of a small answer.
 */
export function toNodeListener(handle: Handle): NodeListener {
  return (incoming, outgoing) => answer(handle, new NodeRequest(incoming, outgoing), incoming, outgoing);
}

/**
 * The listener for a server's `checkContinue`: a sender that asks for leave to send its body (`Expect: 100-continue`)
 * gets it when the body is about to be read, so that a body which would be refused is not even sent.
 */
export function toContinueListener(handle: Handle): NodeListener {
  return (incoming, outgoing) => {
    // Unless it is told to go on, the sender may send its body or not: what comes next on the connection is unclear.
    outgoing.shouldKeepAlive = false;
    const onRead = () => {
      outgoing.writeContinue();
    };
    answer(handle, new NodeRequest(incoming, outgoing, onRead), incoming, outgoing);
  };
}

function answer(handle: Handle, request: HttpRequest, incoming: IncomingMessage, outgoing: ServerResponse): void {
  // Without an answer the connection is of no use; a rejection that nobody handles would end the process.
  handle(request)
    .then((response) => send(incoming, outgoing, response))
    .catch(() => incoming.socket.destroy());
}

/** Writes the response of `handle`. */
export function send(incoming: IncomingMessage, outgoing: ServerResponse, response: HttpResponse): void {
  if (isStreamed(response)) {
    sendStreamed(incoming, outgoing, response);
    return;
  }
  const { status, headers, body } = response;
  // HTTP/2 has no such header (RFC 9113, 8.2.2).
  if (incoming.httpVersionMajor > 1) delete headers["connection"];
  // A 204 has no length (RFC 9110, 8.6).
  if (body !== undefined) headers["content-length"] = String(Buffer.byteLength(body));
  setSecurityHeaders(headers);
  outgoing.writeHead(status, headers);
  const content = incoming.method === "HEAD" ? undefined : body;
  if (incoming.complete || !hasBody(incoming)) outgoing.end(content);
  else linger(incoming, outgoing, content);
}

const NDJSON = "application/x-ndjson";

/** Sends a body as it is made. One that fails is cut off, in the middle of a chunk: the receiver hears that it is not whole. */
function sendStreamed(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, headers, body, signal }: StreamedResponse,
): void {
  // HTTP/2 has no such header (RFC 9113, 8.2.2).
  if (incoming.httpVersionMajor > 1) delete headers["connection"];
  setSecurityHeaders(headers);
  outgoing.writeHead(status, headers);
  const pieces = body[Symbol.asyncIterator]();
  // An empty line means nothing in NDJSON. What waits to be sent already tells of a connection that is gone.
  if (headers["content-type"] === NDJSON && incoming.httpVersionMajor === 1) {
    probeAfterEnd(incoming, outgoing, () => {
      if (!outgoing.writableEnded && outgoing.writableLength === 0) outgoing.write("\n");
    });
  }
  const leave = () => void pieces.return?.().catch(() => undefined);
  if (incoming.method === "HEAD") {
    outgoing.end();
    leave();
    return;
  }
  const breakOff = () => outgoing.destroy();
  signal?.addEventListener("abort", breakOff, { once: true });
  outgoing.once("close", leave);
  write(pieces, outgoing).catch(breakOff);
}

/** Asks for a piece when the one before has been sent: a stream between would ask for two. */
async function write(pieces: AsyncIterator<string>, outgoing: ServerResponse): Promise<void> {
  for (;;) {
    const { value, done } = await pieces.next();
    if (outgoing.destroyed) return;
    if (done === true) {
      outgoing.end();
      return;
    }
    if (!outgoing.write(value)) await drained(outgoing);
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      outgoing.off("drain", settle).off("close", settle);
      resolve();
    };
    outgoing.on("drain", settle).on("close", settle);
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/**
 * Answers a request whose body is still coming in, and that nobody will read. A connection that is closed with bytes
 * unread is reset, and a reset can overtake the answer: so the rest is let in and thrown away, but not for long.
 */
function linger(incoming: IncomingMessage, outgoing: ServerResponse, content: WholeResponse["body"]): void {
  if (content === undefined) outgoing.flushHeaders();
  else outgoing.write(content);
  const finish = () => {
    clearTimeout(idle);
    clearTimeout(total);
    incoming.off("end", finish).off("close", finish);
    outgoing.end();
    if (!incoming.complete) incoming.socket.destroySoon();
  };
  const idle = setTimeout(finish, LINGER_IDLE);
  const total = setTimeout(finish, LINGER_TOTAL);
  incoming.on("data", () => idle.refresh()).resume();
  incoming.once("end", finish).once("close", finish);
}

/** A request of Node's own server. */
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

  async *readChunks(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#incoming.readableDidRead) throw bodyReadAlready();
    this.#onRead?.();
    try {
      // Not destroyed when nobody wants the rest: an answer must still go out on the connection.
      for await (const chunk of this.#incoming.iterator({ destroyOnReturn: false })) yield chunk;
    } catch {
      throw bodyBrokeOff();
    }
  }

  readBody(limit: number, reading?: BodyReading): Promise<Uint8Array> {
    const incoming = this.#incoming;
    return new Promise((resolve, reject) => {
      if (Number(incoming.headers["content-length"] ?? 0) > limit) {
        reject(bodyTooLarge(limit));
        return;
      }
      if (incoming.readableDidRead) {
        reject(bodyReadAlready());
        return;
      }
      if (incoming.destroyed) {
        // It tells of its end no more.
        reject(bodyBrokeOff());
        return;
      }
      this.#onRead?.();
      const chunks: Buffer[] = [];
      let length = 0;
      const onData = (chunk: Buffer) => {
        length += chunk.length;
        if (length > limit) {
          stop();
          reject(bodyTooLarge(limit));
          return;
        }
        chunks.push(chunk);
        reading?.onBytes(chunk.length);
      };
      const onRefused = () => {
        stop();
        reject(reading?.signal.reason);
      };
      const onEnd = () => {
        stop();
        const [first] = chunks;
        resolve(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks, length));
      };
      const onBreak = () => {
        stop();
        reject(bodyBrokeOff());
      };
      const stop = () => {
        incoming.off("data", onData).off("end", onEnd).off("close", onBreak).off("error", onBreak);
        reading?.signal.removeEventListener("abort", onRefused);
        // An error that comes later has nobody to tell.
        incoming.on("error", () => undefined);
      };
      reading?.signal.addEventListener("abort", onRefused);
      incoming.on("data", onData).on("end", onEnd).on("close", onBreak).on("error", onBreak);
    });
  }
}
