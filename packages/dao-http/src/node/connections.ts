import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MIN_PROGRESS } from "../wire/limits.ts";

/** A connection. Times are by `performance.now()`. */
class Use {
  readonly socket: Socket;
  /** The responses that are not complete, in the order of their requests. */
  readonly inFlight: ServerResponse[] = [];
  /** Whether it closes after the last of them, even if more arrives. */
  isClosing = false;
  /** When the last response was complete, or the connection was opened. */
  idleSince = performance.now();
  /** Bytes received by then: if there are more, another request has begun. */
  bytesRead = 0;
  /** Bytes of responses that the client had received, and when it had received all of them, or enough more. */
  bytesTaken = 0;
  takenAt = this.idleSince;

  constructor(socket: Socket) {
    this.socket = socket;
  }
}

const none: readonly ServerResponse[] = [];

/** The connections of a server and their requests in flight, so that connections can be closed without dropping a request. */
export class OpenConnections {
  /** When the last one was opened, by `performance.now()`. */
  lastOpened = 0;
  readonly #uses = new Map<Duplex, Use>();
  #isClosing = false;
  #held: (() => void)[] | undefined;

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      // One that is read again after an offer of another protocol is already known.
      if (this.#uses.has(socket)) return;
      const use = new Use(socket);
      this.lastOpened = use.idleSince;
      this.#uses.set(socket, use);
      socket.once("close", () => this.#uses.delete(socket));
    });
  }

  get count(): number {
    return this.#uses.size;
  }

  /** Records a request until its response is complete. Returns false after one that closes the connection. */
  track(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    if (this.#isClosing) outgoing.shouldKeepAlive = false;
    const use = this.#uses.get(incoming.socket);
    if (use === undefined) return true;
    if (use.isClosing) return false;
    use.inFlight.push(outgoing);
    // Emitted once; `once` would make three objects.
    outgoing.on("close", () => {
      use.inFlight.splice(use.inFlight.indexOf(outgoing), 1);
      use.idleSince = performance.now();
      use.bytesRead = use.socket.bytesRead;
    });
    return true;
  }

  /** The incomplete responses on a connection, in the order of their requests. */
  inFlightOn(socket: Duplex): readonly ServerResponse[] {
    return this.#uses.get(socket)?.inFlight ?? none;
  }

  /** Calls `next` when the earlier requests on a connection have their responses. */
  afterInFlight(socket: Duplex, next: () => void): void {
    const last = this.inFlightOn(socket).at(-1);
    if (last === undefined) next();
    else last.once("close", () => this.afterInFlight(socket, next));
  }

  /** Closes the connection of a request after its response; it accepts no further requests. */
  closeAfter({ socket }: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.shouldKeepAlive = false;
    const use = this.#uses.get(socket);
    if (use !== undefined) use.isClosing = true;
  }

  isClosing(socket: Duplex): boolean {
    return this.#uses.get(socket)?.isClosing === true;
  }

  /** Closes each connection after its next response (`Connection: close`), so that clients send further requests elsewhere. */
  announceClose(): void {
    this.#isClosing = true;
    for (const { inFlight } of this.#uses.values()) {
      for (const outgoing of inFlight) if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
    }
  }

  /** Handles a request: now, or when held requests are released. */
  handle(handle: () => void): void {
    if (this.#held === undefined) handle();
    else this.#held.push(handle);
  }

  /** Holds new requests until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const handle of held) handle();
  }

  /** Closes connections without a request for this many milliseconds. */
  closeIdle(milliseconds: number): void {
    const now = performance.now();
    for (const { socket, inFlight, idleSince, bytesRead } of this.#uses.values()) {
      if (inFlight.length === 0 && socket.bytesRead === bytesRead && now - idleSince >= milliseconds) socket.destroy();
    }
  }

  /** Resets connections whose client received less than 10,000 of more bytes in this time, since the last call. */
  resetSlowReaders(milliseconds: number): void {
    const now = performance.now();
    for (const use of this.#uses.values()) {
      const { socket } = use;
      // Bytes that this process still holds; the operating system holds more, up to its own limit.
      const isTaken = socket.writableLength === 0;
      const bytesTaken = socket.bytesWritten - socket.writableLength;
      if (isTaken || bytesTaken - use.bytesTaken >= MIN_PROGRESS) {
        use.bytesTaken = bytesTaken;
        use.takenAt = now;
      } else if (now - use.takenAt >= milliseconds) reset(socket);
    }
  }

  /** Closes all, so that incomplete responses do not look complete. */
  closeAll(): void {
    for (const { socket, inFlight } of this.#uses.values()) {
      if (inFlight.some(({ headersSent, chunkedEncoding }) => headersSent && !chunkedEncoding)) reset(socket);
      else socket.destroy();
    }
  }
}

/** Resets a connection, discarding what was not sent; closes as usual what cannot be reset, such as TLS. */
export function reset(socket: Socket): void {
  const isTcp = socket.remoteFamily !== undefined && !("encrypted" in socket);
  // `resetAndDestroy` sends pending data and an orderly end before it resets. `destroy` uses this flag of it.
  if (isTcp && !(socket.writableEnded && socket.writableLength === 0)) Reflect.set(socket, "resetAndClosing", true);
  socket.destroy();
}
