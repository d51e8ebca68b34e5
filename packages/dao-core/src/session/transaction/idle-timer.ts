import { TransactionLostError, UnavailableError } from "../../contract/errors.ts";

/**
 * Notifies when a transaction has been idle for too long, if the server does not end it: in process, or behind a proxy that
 * rejects `idle_in_transaction_session_timeout`.
 */
export class IdleTimer {
  readonly #timer: NodeJS.Timeout;
  #running = 0;

  /**
   * @param milliseconds without a statement after which `onIdle` is called
   * @param onIdle receives the error for the transaction, the same as the server's
   */
  constructor(milliseconds: number, onIdle: (error: TransactionLostError) => void) {
    this.#timer = setTimeout(() => {
      if (this.#running > 0) return;
      const sentence = `The transaction ran no statement for ${milliseconds} ms (idleInTransactionTimeout), so it was ended.`;
      onIdle(new TransactionLostError("rolled_back", { cause: new UnavailableError(sentence) }));
    }, milliseconds);
  }

  statementBegun(): void {
    this.#running++;
  }

  statementEnded(): void {
    this.#running--;
    this.#timer.refresh();
  }

  stop(): void {
    // A statement that ends later must not start it again.
    this.#running = Number.POSITIVE_INFINITY;
    clearTimeout(this.#timer);
  }
}
