import type { ChangePage } from "../contract/change.ts";
import { FIRST_CHANGES_PAUSE, LONGEST_CHANGES_PAUSE } from "../session/limits.ts";
import { onAbort, throwIfAborted } from "../session/waiting/deadline.ts";

interface Waiting {
  readonly cursor: string;
  readonly end: (outcome: { readonly page?: ChangePage | undefined } | { readonly error: unknown }) => void;
}

/**
 * The end of a schema's feed, where followers wait for changes: one query for all of them, with pauses that grow while there is
 * nothing new, by a connection that is free again during the pauses.
 */
export class ChangeTail {
  /** The transaction that readers found the head of the feed locked by, and since when, by `performance.now()`. */
  lock: { readonly holder: string; readonly since: number } | undefined;
  readonly #read: (cursor: string) => Promise<ChangePage>;
  readonly #waiting = new Set<Waiting>();
  /** The end, as far as it is known. */
  #cursor = "";
  #isPolling = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = FIRST_CHANGES_PAUSE;

  /** @param read returns a page of all changes after the cursor */
  constructor(read: (cursor: string) => Promise<ChangePage>) {
    this.#read = read;
  }

  /**
   * Resolves when there is something after the cursor: to the page of all that follows, or to `undefined` if the caller has to read
   * it; also after {@link wake}.
   * @param mayLag whether the caller has read that there is nothing, from a standby, which others may be ahead of: then it does not
   *   read again, nor do they
   * @throws the signal's reason; what reading throws
   */
  async after(cursor: string, signal: AbortSignal | undefined, mayLag: boolean): Promise<ChangePage | undefined> {
    throwIfAborted(signal);
    const isAlone = this.#waiting.size === 0;
    const isBehind = !isAlone && positionOf(cursor) < positionOf(this.#cursor);
    if (isBehind && !mayLag) return undefined;
    if (cursor !== this.#cursor && (isAlone || isBehind || !mayLag)) {
      if (!mayLag) this.wake();
      this.#cursor = cursor;
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        cursor,
        end: (outcome) => {
          this.#waiting.delete(waiting);
          stopListening?.();
          if ("error" in outcome) reject(outcome.error);
          else resolve(outcome.page);
        },
      };
      const stopListening = signal && onAbort(signal, () => waiting.end({ error: signal.reason }));
      this.#waiting.add(waiting);
      if (!this.#isPolling) this.#timer ??= setTimeout(() => void this.#poll(), this.#pause);
    });
  }

  /** Ends all waits. */
  wake(): void {
    for (const waiting of this.#waiting) waiting.end({});
  }

  async #poll(): Promise<void> {
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    this.#isPolling = true;
    const start = this.#cursor;
    try {
      const page = await this.#read(start);
      const isNew = page.nextCursor !== start;
      this.#pause = isNew ? FIRST_CHANGES_PAUSE : Math.min(1.5 * this.#pause, LONGEST_CHANGES_PAUSE);
      if (isNew) for (const { cursor, end } of this.#waiting) end(cursor === start ? { page } : {});
    } catch (error) {
      for (const { cursor, end } of this.#waiting) end(cursor === start ? { error } : {});
    }
    this.#isPolling = false;
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => void this.#poll(), this.#pause);
  }
}

function positionOf(cursor: string): number {
  return Number(cursor.split("-")[0]);
}
