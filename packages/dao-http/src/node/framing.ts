import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type HttpError, InvalidRequestError } from "../http/http-error.ts";
import type { Exchange } from "./connections.ts";

/** A host with its port (RFC 9110, 7.2), or nothing. */
const hostValue = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d*)?$/i;

/** What is wrong with a request's head that Node's parser lets through. */
export function malformationOf(incoming: IncomingMessage): HttpError | undefined {
  const { headers, httpVersion, httpVersionMajor, rawHeaders } = incoming;
  // A request line without a version is HTTP/0.9's, which had no headers and no writes.
  if (httpVersionMajor !== 1) return invalid("", "is not of HTTP/1.0 or HTTP/1.1");
  // Who sent it could not know that chunks would be understood: the framing is faulty (RFC 9112, 6.1).
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) {
    return invalid("Transfer-Encoding", "is not known to HTTP/1.0; send Content-Length, or HTTP/1.1");
  }
  // HTTP/1.1 demands the header, once, and with a host in it (RFC 9112, 3.2). Node drops a second one.
  if (headers.host === undefined) {
    return httpVersion === "1.1" ? invalid("Host", "is missing; HTTP/1.1 demands that header") : undefined;
  }
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  if (hosts > 1) return invalid("Host", "is given more than once");
  return hostValue.test(headers.host) ? undefined : invalid("Host", "must be a host, with its port or without");
}

function invalid(path: string, message: string): HttpError {
  return new InvalidRequestError([{ path, message }]);
}

/** Calls `next` when the requests that came before on a connection have their responses. */
export function afterAll(exchanges: ReadonlySet<Exchange>, next: () => void): void {
  const last = [...exchanges].at(-1);
  if (last === undefined) next();
  else last.outgoing.once("close", () => afterAll(exchanges, next));
}

/**
 * The bytes of a request that offers another protocol, without the offer, and with what follows: Node's parser stops behind
 * such a request, and what is pipelined there would be lost. Read again they are requests as any other.
 */
export function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage, rest: Buffer): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    switch (name.toLowerCase()) {
      case "upgrade":
      case "http2-settings":
        break;
      case "connection":
        lines.push(`${name}: ${value.replace(/\b(?:upgrade|http2-settings)\b/gi, "")}`);
        break;
      default:
        lines.push(`${name}: ${value}`);
    }
  }
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), rest]);
}

/** Gives bytes back to a connection from which Node's server has read them, and the connection back to the server. */
export function readAgain(
  server: { emit(event: "connection", socket: Duplex): boolean },
  socket: Duplex,
  bytes: Buffer,
) {
  // Of all that the server listened for it leaves this, and adds it again.
  socket.removeAllListeners("timeout");
  socket.unshift(bytes);
  server.emit("connection", socket);
}
