import type { IncomingMessage, ServerResponse } from "node:http";
import { ClientGoneError } from "../http/http-error.ts";
import { DEPARTURE_PROBE_INTERVAL } from "../wire/limits.ts";

/**
 * A client that has closed its connection, and one that only stopped sending and waits for its response (a half-close), look
 * alike until something is sent to them: a closed connection responds with a reset. So `probe` sends something meaningless from
 * the client's end of sending until the response is complete or the connection is gone.
 */
export function probeAfterEnd({ socket }: IncomingMessage, outgoing: ServerResponse, probe: () => void): void {
  let probing: NodeJS.Timeout | undefined;
  const onEnd = () => {
    probing = setInterval(probe, DEPARTURE_PROBE_INTERVAL);
    probe();
  };
  const stop = () => {
    clearInterval(probing);
    socket.off("end", onEnd).off("close", stop);
    outgoing.off("close", stop);
  };
  // One for each request pipelined on the connection.
  socket.setMaxListeners(0);
  socket.once("close", stop);
  outgoing.once("close", stop);
  if (socket.readableEnded) onEnd();
  else socket.once("end", onEnd);
}

/**
 * Aborts when the client of a waiting request is gone. Interim responses (RFC 9110, 15.2) are the probe; HTTP/1.0 has none, and
 * there a half-close counts as a departure.
 */
export function departureOf(incoming: IncomingMessage, outgoing: ServerResponse): AbortSignal {
  const departure = new AbortController();
  const { socket } = incoming;
  const leave = () => {
    socket.off("close", leave);
    departure.abort(new ClientGoneError());
  };
  if (socket.destroyed) leave();
  else {
    socket.once("close", leave);
    outgoing.once("close", leave);
    probeAfterEnd(incoming, outgoing, () => {
      if (incoming.httpVersion === "1.0") leave();
      else if (incoming.httpVersionMajor === 1 && !outgoing.headersSent) outgoing.writeProcessing();
    });
  }
  return departure.signal;
}
