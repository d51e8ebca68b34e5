import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MIN_PROGRESS } from "../wire/limits.ts";
import { reset } from "./break-off.ts";

/** A request that has no whole answer yet. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** How a connection is used. */
interface Use {
  readonly socket: Socket;
  readonly exchanges: Set<Exchange>;
  /** Whether it closes after the last of them, whatever else comes in. */
  isClosing: boolean;
  /** When the last request was answered, or the connection was made; by `performance.now()`. */
  idleSince: number;
  /** Bytes that had come in by then: with more of them another request has begun. */
  bytesRead: number;
  /** Bytes of responses that the client had taken, and when: all there were, or enough more than before. */
  bytesTaken: number;
  takenAt: number;
}

const none: ReadonlySet<Exchange> = new Set();

/** The connections of a server and what is being answered on them, so that they can be closed without dropping a request. */
export class OpenConnections {
  readonly #uses = new Map<Duplex, Use>();
  #isClosing = false;
  #held: (() => void)[] | undefined;
  #lastOpened = 0;

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      // One that is read again, because it was offered another protocol, is here already.
      if (this.#uses.has(socket)) return;
      this.#lastOpened = performance.now();
      this.#uses.set(socket, {
        socket,
        exchanges: new Set(),
        isClosing: false,
        idleSince: this.#lastOpened,
        bytesRead: 0,
        bytesTaken: 0,
        takenAt: this.#lastOpened,
      });
      socket.once("close", () => this.#uses.delete(socket));
    });
  }

  get count(): number {
    return this.#uses.size;
  }

  /** Takes note of a request that is going to be answered. */
  follow(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (this.#isClosing) outgoing.shouldKeepAlive = false;
    const use = this.#uses.get(incoming.socket);
    if (use === undefined) return;
    const exchange = { incoming, outgoing };
    use.exchanges.add(exchange);
    outgoing.once("close", () => {
      use.exchanges.delete(exchange);
      use.idleSince = performance.now();
      use.bytesRead = use.socket.bytesRead;
    });
  }

  /** The requests on a connection that have no whole answer yet, in the order in which they came. */
  exchangesOn(socket: Duplex): ReadonlySet<Exchange> {
    return this.#uses.get(socket)?.exchanges ?? none;
  }

  /** Has the connection of a request close after its response, and takes no further request on it. */
  closeAfter({ socket }: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.shouldKeepAlive = false;
    const use = this.#uses.get(socket);
    if (use !== undefined) use.isClosing = true;
  }

  isClosing(socket: Socket): boolean {
    return this.#uses.get(socket)?.isClosing === true;
  }

  /** From now on every answer tells the client to send its next request elsewhere (`Connection: close`). */
  announceClose(): void {
    this.#isClosing = true;
    for (const { exchanges } of this.#uses.values()) {
      for (const { outgoing } of exchanges) if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
    }
  }

  /** When the last one was made, by `performance.now()`. */
  get lastOpened(): number {
    return this.#lastOpened;
  }

  /** Answers a request: at once, or when the requests that are held are let go. */
  answer(answer: () => void): void {
    if (this.#held === undefined) answer();
    else this.#held.push(answer);
  }

  /** Keeps the requests that come in from now on waiting, until {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  /** Closes those on which there has been no request for so many milliseconds. */
  closeIdle(milliseconds: number): void {
    const now = performance.now();
    for (const { socket, exchanges, idleSince, bytesRead } of this.#uses.values()) {
      if (exchanges.size === 0 && socket.bytesRead === bytesRead && now - idleSince >= milliseconds) socket.destroy();
    }
  }

  /**
   * Resets those whose client has taken less than 10,000 bytes of its responses within so many milliseconds, though there was
   * more to take all the while. To be called again and again: it goes by what it saw when it was called before.
   */
  resetSlowReaders(milliseconds: number): void {
    const now = performance.now();
    for (const use of this.#uses.values()) {
      const { socket } = use;
      // What this process has left of them; the system holds some more, up to its own limit.
      const isTaken = socket.writableLength === 0;
      const bytesTaken = socket.bytesWritten - socket.writableLength;
      if (isTaken || bytesTaken - use.bytesTaken >= MIN_PROGRESS) {
        use.bytesTaken = bytesTaken;
        use.takenAt = now;
      } else if (now - use.takenAt >= milliseconds) reset(socket);
    }
  }

  /** Closes all, so that what is broken off does not look as if it were whole. */
  closeAll(): void {
    for (const { socket, exchanges } of this.#uses.values()) {
      if ([...exchanges].some(({ outgoing }) => outgoing.headersSent && !outgoing.chunkedEncoding)) reset(socket);
      else socket.destroy();
    }
  }
}
