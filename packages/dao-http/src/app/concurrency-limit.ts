import { setTimeout as delay } from "node:timers/promises";
import { HttpError } from "../http/http-error.ts";
import type { HttpRequest } from "../http/http-message.ts";
import { DELAYED_REJECTIONS, IMMEDIATE_REJECTIONS, REQUEST_WAIT, RETRY_AFTER } from "../wire/limits.ts";

export interface AdmissionLimits {
  /** Requests at work at a time. */
  readonly atWork: number;
  /** Requests that wait for one of them to end. */
  readonly waiting: number;
}

interface Waiter {
  readonly since: number;
  readonly enter: () => void;
  readonly refuse: (error: unknown) => void;
}

/** What is asked of a request that waits. */
type Waiting = Pick<HttpRequest, "signal">;

/**
 * Lets in as many requests at a time as are worked on best, has some more wait in line, and turns others away: hundreds of
 * requests that are half done would keep the garbage collector busier than the requests keep the process. A request whose
 * client closes its connection meanwhile leaves the line, and nothing is begun for it.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #overloaded: HttpError;
  /** In the order in which they came. Nobody waits while there is room. */
  readonly #waiting: Waiter[] = [];
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #atWork = 0;
  #held = 0;
  #quick = 0;
  #second = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    // One for all: making an error is dear, for its stack.
    const detail = "The service has more requests than it can answer. Try again later.";
    this.#overloaded = new HttpError("unavailable", detail, { "retry-after": String(RETRY_AFTER) });
  }

  /** @throws HttpError `unavailable` when there is no room at work nor in line, or none in time; ClientGoneError */
  async admit<Result>(work: () => Promise<Result>, request: Waiting = {}): Promise<Result> {
    if (this.#atWork < this.#limits.atWork) this.#atWork++;
    else await this.#place(request);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#atWork--;
      else next.enter();
    }
  }

  /**
   * Resolves when there is room at work or in line, for a request of which something must be read before it can wait.
   * @throws HttpError `unavailable`; ClientGoneError
   */
  async whenRoom(request: Waiting): Promise<void> {
    if (this.#isFull) await this.#holdBack(request.signal);
    if (this.#isFull) throw this.#overloaded;
  }

  get #isFull(): boolean {
    return this.#atWork >= this.#limits.atWork && this.#waiting.length >= this.#limits.waiting;
  }

  /** Waits for the place of one that ends. */
  async #place(request: Waiting): Promise<void> {
    if (this.#isFull) await this.whenRoom(request);
    if (this.#atWork < this.#limits.atWork) this.#atWork++;
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

  /** Turns away those who have waited too long. One timer for all. */
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

  async #holdBack(signal: AbortSignal | undefined): Promise<void> {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#quick = 0;
    }
    if (++this.#quick <= IMMEDIATE_REJECTIONS || this.#held >= DELAYED_REJECTIONS) return;
    this.#held++;
    try {
      await delay(RETRY_AFTER * 1_000, undefined, { signal }).catch(() => signal?.throwIfAborted());
    } finally {
      this.#held--;
    }
  }
}
