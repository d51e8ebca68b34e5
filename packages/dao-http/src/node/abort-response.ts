import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Aborts a response so that its reader notices. Missing chunks show it by themselves. A response that ends when its connection
 * closes (HTTP/1.0, nginx's default upstream) would look complete, so that connection is reset. With HTTP/2 the stream ends.
 */
export function abortResponse(outgoing: ServerResponse, reason: unknown): void {
  if (outgoing.chunkedEncoding === false && outgoing.socket !== null) reset(outgoing.socket);
  else outgoing.destroy(reason instanceof Error ? reason : undefined);
}

/**
 * Resets a connection, discarding what was not sent yet. If that is not possible (an application's own TLS or local socket; a
 * connection that is closing with everything sent), closes it as usual.
 */
export function reset(socket: Socket): void {
  const isTcp = socket.remoteFamily !== undefined && !("encrypted" in socket);
  // `resetAndDestroy` sends pending data and an orderly end before it resets. `destroy` uses this flag of it.
  if (isTcp && !(socket.writableEnded && socket.writableLength === 0)) Reflect.set(socket, "resetAndClosing", true);
  socket.destroy();
}
