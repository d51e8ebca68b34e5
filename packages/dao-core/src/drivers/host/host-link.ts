import { EventEmitter } from "node:events";
import type { SqlResult } from "../../session/driver.ts";

/** Whether the connection of an application's transaction is alive, as far as its client or its statements report. */
export class HostLink {
  readonly #loss = new AbortController();
  /** Aborts with {@link lossCause} when it is lost or abandoned. */
  readonly lost: AbortSignal = this.#loss.signal;
  /** Whether it is known to be lost, rather than abandoned. */
  isGone = false;
  #onLost: (() => void) | undefined;
  /** The identity of the transaction on the server, once it was queried. */
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

  /** Counts it as lost because it does not respond. It may recover, and then runs what it has been given so far, in that order. */
  giveUp(cause: unknown): void {
    this.#loss.abort(cause);
    // A callback that gets the error from what it awaits comes first.
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
      // A lost client emits the error twice, and its pool drops it.
      if (this.isAlive) connection.removeListener("error", lose);
    };
  }
}
