import { EventEmitter } from "node:events";
import type { SqlResult } from "../../session/driver.ts";

/** Whether the connection of an application's transaction is there, as far as its client or its statements tell. */
export class HostLink {
  readonly #loss = new AbortController();
  /** Aborts with {@link lossCause} when it is lost or abandoned. */
  readonly lost: AbortSignal = this.#loss.signal;
  /** Whether it is known to be lost, rather than abandoned. */
  isGone = false;
  #onLost: (() => void) | undefined;
  /** What tells the server which transaction it is, once that was asked. */
  transaction: Promise<SqlResult> | undefined;

  get isAlive(): boolean {
    return !this.lost.aborted;
  }

  get lossCause(): unknown {
    return this.lost.reason;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#onLost = listener;
  }

  lose(cause: unknown): void {
    this.isGone = true;
    if (!this.isAlive) return;
    this.#loss.abort(cause);
    this.#onLost?.();
  }

  /** Counts it as lost because it says nothing. It may yet come back, and then runs what it was given by now, in that order. */
  giveUp(cause: unknown): void {
    this.#loss.abort(cause);
    // A callback that hears of it from what it awaits comes first.
    setImmediate(() => this.#onLost?.());
  }

  /**
   * Is notified of the loss by a client of `pg`, which ends the process where nothing listens to it: in a transaction not even its
   * pool does.
   * @returns stops listening
   */
  listen(connection: unknown): () => void {
    if (!(connection instanceof EventEmitter)) return () => undefined;
    const lose = (error: unknown) => this.lose(error);
    connection.on("error", lose);
    return () => {
      // A lost one emits the error twice, and its pool drops it.
      if (this.isAlive) connection.removeListener("error", lose);
    };
  }
}
