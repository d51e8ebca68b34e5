import { TransactionLostError, UnavailableError } from "../../contract/errors.ts";

/**
 * Tells when a transaction has run nothing for a while, where the server does not end it by itself: in process, or behind a
 * proxy that takes no `idle_in_transaction_session_timeout`.
 */
export class IdleTimer {
  readonly #timer: NodeJS.Timeout;
  #running = 0;

  /**
   * @param milliseconds without a statement after which `onIdle` is called
   * @param onIdle is given what the transaction is to reject with: the same as where the server ends it
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
