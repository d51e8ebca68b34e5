import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type Logger, logRequest } from "../app/log.ts";
import { HttpError, InvalidRequestError } from "../http/http-error.ts";
import { requestIdOf, setSecurityHeaders, type WholeResponse } from "../http/http-message.ts";
import { problemResponse } from "../http/problem.ts";
import { REFUSAL_LINGER } from "../wire/limits.ts";
import type { OpenConnections } from "./connections.ts";

/** The error of Node's parser for bytes that are not a request. */
interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
  readonly bytesParsed?: number;
}

/**
 * Responds to what Node's parser could not read, or did not receive in time; then closes the connection. Earlier requests on the
 * same connection get their responses first.
 */
export class MalformedRequests {
  readonly #connections: Pick<OpenConnections, "inFlightOn">;
  readonly #logger: Logger;
  /** The parser reports an error for whatever follows, too; one response is enough. */
  readonly #refused = new WeakSet<Duplex>();

  constructor(connections: Pick<OpenConnections, "inFlightOn">, logger: Logger) {
    this.#connections = connections;
    this.#logger = logger;
  }

  /** The listener for the server's `clientError`. */
  respond(error: ParseError, socket: Duplex): void {
    // Later errors must not close the connection: the response is on its way, and closes it itself.
    if (this.#refused.has(socket) && error.code !== "ECONNRESET") return;
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    this.#refused.add(socket);
    const running = [...this.#connections.inFlightOn(socket)];
    const broken = running.find(({ incoming }) => !incoming.complete);
    const whole = running.filter((request) => request !== broken);
    const last = whole.at(-1);
    const finish = () => {
      if (!socket.writable) socket.destroy();
      else if (broken === undefined) writeRefusal(socket, refuse(explain(error), {}, this.#logger));
      // A request has one response: if it began before the request broke, it continues, and closes. And it has one log line,
      // which the app writes when it finds that the body broke off.
      else if (!broken.outgoing.headersSent) writeRefusal(socket, refuse(explain(error), requestOf(broken.incoming)));
    };
    if (last === undefined) finish();
    else last.outgoing.once("close", finish);
  }
}

/** What is known of a request that is incomplete, or does not reach the app. */
interface RefusedRequest {
  readonly method?: string | undefined;
  /** Its `X-Request-Id`. */
  readonly requestId?: string | undefined;
}

/**
 * The response to a request that is rejected before the app, with its log line; without a `logger` if the app has already
 * logged it.
 */
export function refuse(error: unknown, { method, requestId }: RefusedRequest, logger?: Logger): WholeResponse {
  const id = requestIdOf(requestId);
  const response = problemResponse(error, { path: "/", requestId: id });
  response.headers["x-request-id"] = id;
  const { status } = response;
  if (logger === undefined) return response;
  logRequest(logger, { method: method ?? null, path: null, status, ms: 0, request_id: id, caller: null }, error);
  return response;
}

/** What a request's head says. */
export function requestOf({ method, headers }: IncomingMessage): RefusedRequest {
  return { method, requestId: headers["x-request-id"]?.toString() };
}

/** Writes a response without Node's server, which has no response object without a request; then closes. */
export function writeRefusal(socket: Duplex, { status, headers, body = "" }: WholeResponse): void {
  setSecurityHeaders(headers);
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
      return invalid(isUnknownMethod(error) ? unknownMethod : "is not well-formed HTTP/1.1");
  }
}

const unknownMethod = "has an unknown method; send GET, HEAD, POST, PUT, PATCH or DELETE, in capitals";

/** A well-formed request line; its method is a token (RFC 9110, 5.6.2). */
const requestLine = /^[!#$%&'*+.^`|~\w-]+ \S+ HTTP\/1\.\d\r?\n/;

function isUnknownMethod({ code, rawPacket, bytesParsed = 0 }: ParseError): boolean {
  if (code !== "HPE_INVALID_METHOD" || rawPacket === undefined) return false;
  // The parser stops within the method: the line around it is the one it rejected.
  const start = rawPacket.lastIndexOf(LINE_FEED, Math.max(0, bytesParsed - 1)) + 1;
  const line = Buffer.from(rawPacket.subarray(start, start + MAX_LINE)).toString("latin1");
  return requestLine.test(line);
}

const LINE_FEED = 0x0a;
/** Node's limit for all headers. */
const MAX_LINE = 16_384;

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError([{ path: "", message }]);
}
