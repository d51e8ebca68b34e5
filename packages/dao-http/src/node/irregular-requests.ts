import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type Logger, logRequest } from "../app/log.ts";
import { requestIdOf, setCommonHeaders, type WholeResponse } from "../http/http-message.ts";
import { HttpError, invalidRequest, problemResponse } from "../http/problem.ts";
import { REFUSAL_LINGER } from "../wire/limits.ts";
import type { OpenConnections } from "./connections.ts";

/** The error of Node's parser for bytes that are not a request. */
interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
  readonly bytesParsed?: number;
}

type Connections = Pick<OpenConnections, "inFlightOn" | "afterInFlight" | "isClosing">;

/** Handles what Node's parser cannot read, and offers of other protocols. Earlier requests get their responses first. */
export function handleIrregularRequests(server: Server, connections: Connections, logger: Logger): void {
  server.on("clientError", refuseUnreadable(connections, logger));
  server.on("connect", (incoming, socket) => {
    socket.on("error", () => undefined);
    connections.afterInFlight(socket, () => {
      if (!socket.writable || connections.isClosing(socket)) return;
      const allow = "GET, HEAD, POST, PUT, PATCH, DELETE";
      const detail = "This service is not a proxy: it does not support CONNECT.";
      writeRefusal(socket, refuse(new HttpError("method_not_allowed", detail, { allow }), incoming, logger));
    });
  });
  // Declines an offer of another protocol (RFC 9110, 7.8), as Java's client makes: parses the request again without it.
  server.on("upgrade", (incoming, socket, rest) => {
    const bytes = withoutUpgrade(incoming, rest);
    const onError = () => socket.destroy();
    socket.on("error", onError);
    connections.afterInFlight(socket, () => {
      if (socket.destroyed || connections.isClosing(socket)) return;
      // The server leaves these and the "timeout" listeners, and would add them again.
      socket.off("error", onError).removeAllListeners("timeout");
      socket.unshift(bytes);
      server.emit("connection", socket);
    });
  });
}

export function refuseUnreadable(connections: Connections, logger: Logger) {
  /** The parser also reports errors for what follows; one response is enough. */
  const refused = new WeakSet<Duplex>();
  return (error: ParseError, socket: Duplex): void => {
    // Later errors must not close the connection: the response is on its way, and closes it itself.
    if (refused.has(socket) && error.code !== "ECONNRESET") return;
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    refused.add(socket);
    const running = connections.inFlightOn(socket);
    const broken = running.find(({ req }) => !req.complete);
    const last = running.filter((request) => request !== broken).at(-1);
    const finish = () => {
      if (!socket.writable) socket.destroy();
      else if (broken === undefined) writeRefusal(socket, refuse(explain(error), undefined, logger));
      // A response that began before the error continues, and closes the connection. The app writes the only log line when it
      // finds that the body was interrupted.
      else if (!broken.headersSent) writeRefusal(socket, refuse(explain(error), broken.req));
    };
    if (last === undefined) finish();
    else last.once("close", finish);
  };
}

/** The bytes of a request without its offer of another protocol, and what follows it. */
function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage, rest: Buffer): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (/^(?:upgrade|http2-settings)$/i.test(name)) continue;
    const isConnection = name.toLowerCase() === "connection";
    lines.push(`${name}: ${isConnection ? value.replace(/\b(?:upgrade|http2-settings)\b/gi, "") : value}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), rest]);
}

/** A host with its port (RFC 9110, 7.2), or nothing. */
const hostValue = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d*)?$/i;

/** What is wrong with a request's head that Node's parser accepts. */
export function malformationOf(incoming: IncomingMessage): HttpError | undefined {
  const { headers, httpVersion, httpVersionMajor, rawHeaders } = incoming;
  // A request line without a version is HTTP/0.9, which has neither headers nor writes.
  if (httpVersionMajor !== 1) return invalidRequest("is not of HTTP/1.0 or HTTP/1.1");
  // HTTP/1.0 has no chunks: the framing is faulty (RFC 9112, 6.1).
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) {
    return invalidRequest("is not defined for HTTP/1.0; send Content-Length, or HTTP/1.1", "Transfer-Encoding");
  }
  // HTTP/1.1 requires the header exactly once, with a host (RFC 9112, 3.2). Node drops a second one.
  if (headers.host === undefined) {
    return httpVersion === "1.1" ? invalidRequest("is missing; HTTP/1.1 requires it", "Host") : undefined;
  }
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  if (hosts > 1) return invalidRequest("is given more than once", "Host");
  return hostValue.test(headers.host) ? undefined : invalidRequest("must be a host, with or without a port", "Host");
}

/** The response to a request that is rejected before the app, with its log line unless the app has written it. */
export function refuse(error: unknown, incoming?: IncomingMessage, logger?: Logger): WholeResponse {
  const id = requestIdOf(incoming?.headers["x-request-id"]?.toString());
  const response = problemResponse(error, { path: "/", requestId: id });
  setCommonHeaders(response.headers, id);
  const { status } = response;
  const entry = { method: incoming?.method ?? null, path: null, status, ms: 0, request_id: id, caller: null };
  if (logger !== undefined) logRequest(logger, entry, error);
  return response;
}

/** Writes a response without Node's server, which has no response object without a request; then closes. */
function writeRefusal(socket: Duplex, { status, headers, body = "" }: WholeResponse): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "connection: close",
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.end(body);
  // Not immediately: a connection closed with unread bytes is reset, and the reset can overtake the response.
  setTimeout(() => socket.destroy(), REFUSAL_LINGER).unref();
}

function explain(error: ParseError): HttpError {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return new HttpError("headers_too_large", "The request's headers are too large. Send fewer or shorter ones.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new HttpError("request_timeout", "The request did not arrive in time. Send it again, without pauses.");
    default:
      return invalidRequest(isUnknownMethod(error) ? unknownMethod : "is not well-formed HTTP/1.1");
  }
}

const unknownMethod = "has an unknown method; send GET, HEAD, POST, PUT, PATCH or DELETE, in capitals";

/** A well-formed request line; its method is a token (RFC 9110, 5.6.2). */
const requestLine = /^[!#$%&'*+.^`|~\w-]+ \S+ HTTP\/1\.\d\r?\n/;

function isUnknownMethod({ code, rawPacket, bytesParsed = 0 }: ParseError): boolean {
  if (code !== "HPE_INVALID_METHOD" || rawPacket === undefined) return false;
  // The parser stops within the method: the line around it is the rejected one.
  const start = rawPacket.lastIndexOf(LINE_FEED, Math.max(0, bytesParsed - 1)) + 1;
  const line = Buffer.from(rawPacket.subarray(start, start + MAX_LINE)).toString("latin1");
  return requestLine.test(line);
}

const LINE_FEED = 0x0a;
/** Node's limit for all headers. */
const MAX_LINE = 16_384;
