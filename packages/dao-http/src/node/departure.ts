import type { IncomingMessage, ServerResponse } from "node:http";
import { ClientGoneError } from "../http/http-error.ts";
import { DEPARTURE_PROBE_INTERVAL } from "../wire/limits.ts";

/**
 * A client that has closed its connection, and one that only sends no more and waits for its response (a half-close), look
 * alike, until something is sent to them: a closed connection resets it. So `probe` sends something that means nothing, from
 * the client's end of sending on until the response is over or the connection gone.
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
  // As many requests as are pipelined on the connection.
  socket.setMaxListeners(0);
  socket.once("close", stop);
  outgoing.once("close", stop);
  if (socket.readableEnded) onEnd();
  else socket.once("end", onEnd);
}

/**
 * Aborts when the client of a request that waits has gone. It is probed by interim responses (RFC 9110, 15.2); HTTP/1.0 has
 * none, and there a half-close is taken for a departure.
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
