import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How a connection is used. */
interface Use {
  /** Requests on it that have no whole answer yet. */
  answering: number;
  /** When the last one was answered, or the connection was made; by `performance.now()`. */
  idleSince: number;
  /** Bytes that had come in by then: with more of them another request has begun. */
  bytesRead: number;
}

/** The connections of a server, so that it can close them without dropping a request. */
export class OpenConnections {
  readonly #uses = new Map<Socket, Use>();
  readonly #answers = new Set<ServerResponse>();
  #isClosing = false;
  #held: (() => void)[] | undefined;
  #lastOpened = 0;

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      this.#lastOpened = performance.now();
      this.#uses.set(socket, { answering: 0, idleSince: this.#lastOpened, bytesRead: 0 });
      socket.once("close", () => this.#uses.delete(socket));
    });
  }

  /** Takes note of a request that is going to be answered. */
  follow({ socket }: IncomingMessage, outgoing: ServerResponse): void {
    if (this.#isClosing) outgoing.shouldKeepAlive = false;
    const use = this.#uses.get(socket);
    if (use === undefined) return;
    use.answering++;
    this.#answers.add(outgoing);
    outgoing.once("close", () => {
      this.#answers.delete(outgoing);
      use.answering--;
      use.idleSince = performance.now();
      use.bytesRead = socket.bytesRead;
    });
  }

  /** From now on every answer tells the client to send its next request elsewhere (`Connection: close`). */
  announceClose(): void {
    this.#isClosing = true;
    for (const outgoing of this.#answers) if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
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
    for (const [socket, { answering, idleSince, bytesRead }] of this.#uses) {
      if (answering === 0 && socket.bytesRead === bytesRead && now - idleSince >= milliseconds) socket.destroy();
    }
  }
}
