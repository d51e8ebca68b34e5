import { HttpError } from "./http-error.ts";

/** Milliseconds after which a caller that was turned away may try again. */
const RETRY_AFTER = 2_000;

/** Milliseconds that a request waits at most: as long as the data layer waits for a connection. */
const LONGEST_WAIT = 5_000;

/**
 * Refusals a second that are made at once; those beyond are held back first for as long as the caller should have waited,
 * and so many at most. Reading a request and refusing it costs half of what answering it does: callers that come again at
 * once, whatever Retry-After says, would take the time of those that are being answered.
 */
const QUICK_REFUSALS = 100;
const MAX_HELD = 4_096;

/**
 * Requests at work at a time unless set otherwise: a dozen for each connection of a pool of the default size, which is
 * enough to keep it busy, and few enough for the garbage collector.
 */
export const DEFAULT_CONCURRENT_REQUESTS = 128;

export interface AdmissionLimits {
  /** Requests at work at a time. */
  readonly atWork: number;
  /** Requests that wait for one of them to end. */
  readonly waiting: number;
}

interface Waiter {
  readonly since: number;
  readonly enter: () => void;
  readonly refuse: (error: HttpError) => void;
}

/**
 * Lets in as many requests at a time as are worked on best, has some more wait in line, and turns others away. Whoever is
 * not let in costs next to nothing, for nothing of the request is read: hundreds of requests that are half done would keep
 * the garbage collector busier than the requests keep the process.
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
    this.#overloaded = new HttpError("unavailable", detail, { "retry-after": String(RETRY_AFTER / 1_000) });
  }

  /** @throws HttpError `unavailable` when there is no room at work nor in line, or none in time */
  async admit<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#atWork < this.#limits.atWork) this.#atWork++;
    else await this.#place();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#atWork--;
      else next.enter();
    }
  }

  /** Waits for the place of one that ends. */
  async #place(): Promise<void> {
    if (this.#waiting.length >= this.#limits.waiting) await this.#holdBack();
    if (this.#atWork < this.#limits.atWork) this.#atWork++;
    else if (this.#waiting.length >= this.#limits.waiting) throw this.#overloaded;
    else await this.#wait();
  }

  #wait(): Promise<void> {
    return new Promise((enter, refuse) => {
      this.#waiting.push({ since: performance.now(), enter, refuse });
      this.#expiry ??= setTimeout(() => this.#expire(), LONGEST_WAIT);
    });
  }

  /** Turns away those who have waited too long. One timer for all. */
  #expire(): void {
    const now = performance.now();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const rest = first.since + LONGEST_WAIT - now;
      if (rest > 0) {
        this.#expiry = setTimeout(() => this.#expire(), rest);
        return;
      }
      this.#waiting.shift();
      first.refuse(this.#overloaded);
    }
    this.#expiry = undefined;
  }

  async #holdBack(): Promise<void> {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#quick = 0;
    }
    if (++this.#quick <= QUICK_REFUSALS || this.#held >= MAX_HELD) return;
    this.#held++;
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
    this.#held--;
  }
}
