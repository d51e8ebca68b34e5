import { TransactionLostError, UnavailableError } from "../../contract/errors.ts";
import { ABORT_GRACE } from "../limits.ts";
import { onAbort } from "../waiting/deadline.ts";

/** Ends the work of a transaction's level before its callback has settled. */
export class Interruption {
  #reason: { readonly error: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;

  /** Why the work was interrupted; `undefined` if it was not. */
  get reason(): { readonly error: unknown } | undefined {
    return this.#reason;
  }

  interrupt(error: unknown): void {
    this.#reason ??= { error };
    this.#reject?.(error);
  }

  /** @throws what the work was interrupted with */
  throwIfInterrupted(): void {
    if (this.#reason !== undefined) throw this.#reason.error;
  }

  /** Settles as `work` does, or rejects on interruption; if already interrupted, `work` is not called. */
  race<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.throwIfInterrupted();
      this.#reject = reject;
      work().then(resolve, reject);
    });
  }

  /** Interrupts with the signal's reason when it aborts, and calls `drop` {@link ABORT_GRACE} later. Returns what stops both. */
  watch(signal: AbortSignal, drop: (cause: unknown) => void): () => void {
    let grace: NodeJS.Timeout | undefined;
    const abort = () => {
      this.interrupt(signal.reason);
      grace = setTimeout(() => drop(signal.reason), ABORT_GRACE);
    };
    if (signal.aborted) abort();
    const stopListening = onAbort(signal, abort);
    return () => {
      clearTimeout(grace);
      stopListening();
    };
  }
}

/** Ends a transaction that is idle for too long, if the server does not: in process, or behind a proxy that rejects its setting. */
export class IdleTimer {
  readonly #timer: NodeJS.Timeout;
  #running = 0;

  /** @param onIdle called after these milliseconds without a statement, with the same error as from the server */
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
    // A statement that ends later must not restart it.
    this.#running = Number.POSITIVE_INFINITY;
    clearTimeout(this.#timer);
  }
}
