import { UnavailableError } from "../../contract/errors.ts";
import { limitWait } from "./deadline.ts";

interface Waiter<Purpose, Place> {
  readonly purpose: Purpose;
  /** Uses the slot synchronously, before any other caller can. */
  readonly admit: (place: Place) => void;
  readonly refuse: (error: unknown) => void;
}

/** A queue of callers that wait for a slot. */
export class WaitingLine<Purpose, Place> {
  readonly #maxWaiting: number;
  readonly #who: string;
  /** In the order in which they came. */
  readonly waiting: Waiter<Purpose, Place>[] = [];
  readonly #whenEmpty: (() => void)[] = [];

  /** @param who waits, for the error that further callers get: `callers wait for a connection` */
  constructor(maxWaiting: number, who: string) {
    this.#maxWaiting = maxWaiting;
    this.#who = who;
  }

  /** Runs `use` as soon as the caller is admitted. @throws UnavailableError if too many wait; an abort's reason */
  wait<Result>(
    purpose: Purpose,
    use: (place: Place) => Promise<Result>,
    milliseconds: number,
    timedOut: () => unknown,
    signal?: AbortSignal,
  ): Promise<Result> {
    if (this.waiting.length >= this.#maxWaiting) {
      const message = `${this.#maxWaiting} ${this.#who} already. Try again later.`;
      return Promise.reject(new UnavailableError(message));
    }
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const leave = () => {
        stopWatching();
        const place = this.waiting.indexOf(waiter);
        if (place >= 0) this.waiting.splice(place, 1);
        if (this.waiting.length === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
      };
      const waiter: Waiter<Purpose, Place> = {
        purpose,
        admit: (place) => {
          leave();
          resolve(use(place));
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const stopWatching = limitWait(milliseconds, signal, timedOut, waiter.refuse);
      this.waiting.push(waiter);
    });
  }

  /** Resolves when no caller waits. */
  empty(): Promise<void> {
    return this.waiting.length === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  refuseAll(error: unknown): void {
    for (const waiter of [...this.waiting]) waiter.refuse(error);
  }
}

export function closedError(): UnavailableError {
  return new UnavailableError("The database was closed. Open it again before you use it.");
}
