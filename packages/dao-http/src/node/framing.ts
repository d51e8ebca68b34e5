import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type HttpError, InvalidRequestError } from "../http/http-error.ts";
import type { InFlightRequest } from "./connections.ts";

/** A host with its port (RFC 9110, 7.2), or nothing. */
const hostValue = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d*)?$/i;

/** What is wrong with a request's head that Node's parser accepts. */
export function malformationOf(incoming: IncomingMessage): HttpError | undefined {
  const { headers, httpVersion, httpVersionMajor, rawHeaders } = incoming;
  // A request line without a version is HTTP/0.9, which had neither headers nor writes.
  if (httpVersionMajor !== 1) return invalid("", "is not of HTTP/1.0 or HTTP/1.1");
  // HTTP/1.0 has no chunks: the framing is faulty (RFC 9112, 6.1).
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) {
    return invalid("Transfer-Encoding", "is not defined for HTTP/1.0; send Content-Length, or HTTP/1.1");
  }
  // HTTP/1.1 requires the header exactly once, with a host (RFC 9112, 3.2). Node drops a second one.
  if (headers.host === undefined) {
    return httpVersion === "1.1" ? invalid("Host", "is missing; HTTP/1.1 requires it") : undefined;
  }
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  if (hosts > 1) return invalid("Host", "is given more than once");
  return hostValue.test(headers.host) ? undefined : invalid("Host", "must be a host, with or without a port");
}

function invalid(path: string, message: string): HttpError {
  return new InvalidRequestError([{ path, message }]);
}

/** Calls `next` when the earlier requests on a connection have their responses. */
export function afterAll(inFlight: ReadonlySet<InFlightRequest>, next: () => void): void {
  const last = [...inFlight].at(-1);
  if (last === undefined) next();
  else last.outgoing.once("close", () => afterAll(inFlight, next));
}

/**
 * The bytes of a request that offers another protocol, without the offer, and what follows it: Node's parser stops after such a
 * request, and pipelined requests would be lost. Read again, they are ordinary requests.
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

/** Returns bytes that Node's server has read to their connection, and the connection to the server. */
export function readAgain(
  server: { emit(event: "connection", socket: Duplex): boolean },
  socket: Duplex,
  bytes: Buffer,
) {
  // The only listener that the server leaves, and adds again.
  socket.removeAllListeners("timeout");
  socket.unshift(bytes);
  server.emit("connection", socket);
}
