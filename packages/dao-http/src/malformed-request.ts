import type { Duplex } from "node:stream";
import { HttpError, InvalidRequestError } from "./http-error.ts";
import { toProblem } from "./problem.ts";
import { requestIdOf } from "./request-id.ts";

/** Milliseconds that the sender has to read the answer. */
const LINGER = 1_000;

/** Answers what Node's parser could not make a request of, or waited for too long; then closes the connection. */
export function answerMalformedRequest(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const requestId = requestIdOf(undefined);
  const problem = toProblem(explain(error.code), { path: "/", requestId });
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    "Connection: close",
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  // Not at once: a connection that is closed with bytes unread is reset, and a reset can overtake the answer.
  setTimeout(() => socket.destroy(), LINGER).unref();
}

function explain(code: string | undefined): HttpError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new HttpError("headers_too_large", "The request's headers are too large. Send fewer or shorter ones.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new HttpError("request_timeout", "The request did not arrive in time. Send it again, without pauses.");
    default:
      return new InvalidRequestError([{ path: "", message: "is not well-formed HTTP/1.1" }]);
  }
}
