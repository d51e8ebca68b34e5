import type { Socket } from "node:net";
import { CLOSE_GRACE } from "../../session/limits.ts";
import { connectionClosed } from "../../session/postgres-errors.ts";
import { checkMessages } from "./message-check.ts";

/** The one socket of a connection. postgres.js reconnects by itself; on a second socket it would continue in the middle of lost work. */
export class SingleSocket {
  readonly #connect: (signal: AbortSignal) => Promise<Socket>;
  readonly #closing = new AbortController();
  #socket: Socket | undefined;
  #isOpened = false;

  /** @param connect opens a socket; an abort leaves none */
  constructor(connect: (signal: AbortSignal) => Promise<Socket>) {
    this.#connect = connect;
  }

  /** @throws what connecting throws; an error with the code `CONNECTION_CLOSED` the second time, or after the end */
  async open(): Promise<Socket> {
    const { signal } = this.#closing;
    if (this.#isOpened || signal.aborted) throw connectionClosed(signal.reason);
    this.#isOpened = true;
    const socket = await this.#connect(signal);
    if (signal.aborted) {
      socket.destroy();
      throw connectionClosed(signal.reason);
    }
    this.#socket = socket;
    return checkMessages(socket);
  }

  /** No socket is opened from now on. */
  stopOpening(reason: unknown): void {
    this.#closing.abort(reason);
  }

  /** Closes it when all data is sent, or after {@link CLOSE_GRACE}: a peer that is gone would keep it open. */
  close(): void {
    this.#socket?.setTimeout(CLOSE_GRACE, () => this.#socket?.destroy()).destroySoon();
  }

  destroy(): void {
    this.#socket?.destroy();
  }
}
