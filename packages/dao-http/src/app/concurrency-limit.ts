import { setTimeout as delay } from "node:timers/promises";
import { HttpError } from "../http/http-error.ts";
import type { HttpRequest } from "../http/http-message.ts";
import { DELAYED_REJECTIONS, IMMEDIATE_REJECTIONS, REQUEST_WAIT, RETRY_AFTER } from "../wire/limits.ts";

export interface RequestLimits {
  /** Requests in progress at a time. */
  readonly inProgress: number;
  /** Requests that wait for one of them to end. */
  readonly waiting: number;
}

interface Waiter {
  readonly since: number;
  readonly enter: () => void;
  readonly refuse: (error: unknown) => void;
}

/** As much of a request as waiting needs. */
type Waiting = Pick<HttpRequest, "signal">;

/**
 * Limits the requests in progress; some more wait in line, and others are rejected: hundreds of half-finished requests would
 * keep the garbage collector busier than the requests keep the process. A request whose client closes its connection leaves the
 * line, and never starts.
 */
export class ConcurrencyLimit {
  readonly #limits: RequestLimits;
  readonly #overloaded: HttpError;
  /** In the order in which they arrived. None waits while there is room. */
  readonly #waiting: Waiter[] = [];
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #inProgress = 0;
  #delayed = 0;
  #immediate = 0;
  #second = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
    // One for all: creating an error is expensive because of its stack.
    const detail = "The service has more requests than it can handle. Try again later.";
    this.#overloaded = new HttpError("unavailable", detail, { "retry-after": String(RETRY_AFTER) });
  }

  /**
   * Runs `work` when there is room for it.
   * @throws HttpError `unavailable` if there is no room, not even in line, or none in time; ClientGoneError
   */
  async run<Result>(work: () => Promise<Result>, request: Waiting = {}): Promise<Result> {
    if (this.#inProgress < this.#limits.inProgress) this.#inProgress++;
    else await this.#waitForRoom(request);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inProgress--;
      else next.enter();
    }
  }

  /**
   * Resolves when there is room, if only in line, for a request whose body must be read before it can wait.
   * @throws HttpError `unavailable`; ClientGoneError
   */
  async whenRoom(request: Waiting): Promise<void> {
    if (this.#isFull) await this.#delayRejection(request.signal);
    if (this.#isFull) throw this.#overloaded;
  }

  get #isFull(): boolean {
    return this.#inProgress >= this.#limits.inProgress && this.#waiting.length >= this.#limits.waiting;
  }

  /** Waits until another request ends. */
  async #waitForRoom(request: Waiting): Promise<void> {
    if (this.#isFull) await this.whenRoom(request);
    if (this.#inProgress < this.#limits.inProgress) this.#inProgress++;
    else if (this.#isFull) throw this.#overloaded;
    else await this.#wait(request.signal);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        since: performance.now(),
        enter: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
        refuse: (error) => {
          signal?.removeEventListener("abort", leave);
          reject(error);
        },
      };
      signal?.addEventListener("abort", leave);
      this.#waiting.push(waiter);
      this.#expiry ??= setTimeout(() => this.#expire(), REQUEST_WAIT);
    });
  }

  /** Rejects requests that have waited too long. One timer for all. */
  #expire(): void {
    const now = performance.now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const rest = first.since + REQUEST_WAIT - now;
      if (rest > 0) {
        this.#expiry = setTimeout(() => this.#expire(), rest);
        return;
      }
      this.#waiting.shift();
      first.refuse(this.#overloaded);
    }
    this.#expiry = undefined;
  }

  async #delayRejection(signal: AbortSignal | undefined): Promise<void> {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#immediate = 0;
    }
    if (++this.#immediate <= IMMEDIATE_REJECTIONS || this.#delayed >= DELAYED_REJECTIONS) return;
    this.#delayed++;
    try {
      await delay(RETRY_AFTER * 1_000, undefined, { signal }).catch(() => signal?.throwIfAborted());
    } finally {
      this.#delayed--;
    }
  }
}
