import { EventEmitter } from "node:events";
import type { SqlResult } from "../../session/driver.ts";

/** Whether the connection of an application's transaction is there, as far as its client or its statements tell. */
export class HostLink {
  #loss: { readonly cause: unknown } | undefined;
  #onLost: (() => void) | undefined;
  /** What tells the server which transaction it is, once that was asked. */
  transaction: Promise<SqlResult> | undefined;

  get isAlive(): boolean {
    return this.#loss === undefined;
  }

  get lossCause(): unknown {
    return this.#loss?.cause;
  }

  onLost(listener: (() => void) | undefined): void {
    this.#onLost = listener;
  }

  lose(cause: unknown): void {
    if (this.#loss !== undefined) return;
    this.#loss = { cause };
    this.#onLost?.();
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
