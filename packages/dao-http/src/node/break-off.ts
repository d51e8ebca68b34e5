import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Ends a connection within a response so that its reader hears of it. Chunks that do not come to their end say it themselves. A
 * response that is ended by closing (HTTP/1.0, as nginx asks its upstream by default) would look whole, so there the
 * connection is reset. Of HTTP/2 it is the stream that ends.
 */
export function breakOff(outgoing: ServerResponse, reason: unknown): void {
  if (outgoing.chunkedEncoding === false && outgoing.socket !== null) reset(outgoing.socket);
  else outgoing.destroy(reason instanceof Error ? reason : undefined);
}

/**
 * Closes a connection at once, and has the system forget what of it was not sent yet. Where that cannot be (an
 * application's own TLS or local socket; a connection that is being closed with all of it sent), it is closed as usual.
 */
export function reset(socket: Socket): void {
  const isTcp = socket.remoteFamily !== undefined && !("encrypted" in socket);
  // `resetAndDestroy` sends all that waits, and an orderly end, before it resets. This is what it has `destroy` go by.
  if (isTcp && !(socket.writableEnded && socket.writableLength === 0)) Reflect.set(socket, "resetAndClosing", true);
  socket.destroy();
}
