import type { IncomingMessage, ServerResponse } from "node:http";
import { ClientGoneError } from "../http-error.ts";

/** Milliseconds after which another interim response is sent: the first one that is reset is only noticed by the next. */
const PROBE_INTERVAL = 250;

/**
 * Aborts when the client of a request that waits has gone. One that has closed its connection, and one that only sends no more
 * and waits for its response (a half-close), look alike at first: so interim responses are sent (RFC 9110, 15.2), which a
 * closed connection resets. HTTP/1.0 has none, and there a half-close is taken for a departure.
 */
export function departureOf(incoming: IncomingMessage, outgoing: ServerResponse): AbortSignal {
  const departure = new AbortController();
  const { socket } = incoming;
  let probing: NodeJS.Timeout | undefined;
  const leave = () => {
    clearInterval(probing);
    socket.off("close", leave).off("end", onEnd);
    departure.abort(new ClientGoneError());
  };
  const probe = () => {
    if (outgoing.headersSent) clearInterval(probing);
    else outgoing.writeProcessing();
  };
  const onEnd = () => {
    if (incoming.httpVersion === "1.0") leave();
    else if (incoming.httpVersionMajor === 1) {
      probing = setInterval(probe, PROBE_INTERVAL);
      probe();
    }
  };
  // As many as are pipelined on the connection.
  socket.setMaxListeners(0);
  socket.once("close", leave).once("end", onEnd);
  outgoing.once("close", leave);
  if (socket.destroyed) leave();
  else if (socket.readableEnded) onEnd();
  return departure.signal;
}
