import { HttpError } from "./http-error.ts";

/** Seconds after which a caller that was turned away may try again. */
const RETRY_AFTER = "2";

/**
 * Refusals a second that are made at once; those beyond wait for a second first, as long as no more than so many wait.
 * Reading a request and refusing it costs half of what answering it does: callers that come again at once, whatever
 * Retry-After says, would take the time of those that are being answered.
 */
const QUICK_REFUSALS = 500;
const HOLD = 1_000;
const MAX_HELD = 4_096;

/**
 * Lets in as many requests at a time as can be answered in good time, and turns others away before anything of them is
 * read.
 */
export class Admission {
  readonly #limit: number;
  readonly #overloaded: HttpError;
  #running = 0;
  #held = 0;
  #quick = 0;
  #second = 0;

  constructor(limit: number) {
    this.#limit = limit;
    // One for all: making an error is dear, for its stack.
    const detail = `The service is answering ${limit} requests already. Try again later.`;
    this.#overloaded = new HttpError("unavailable", detail, { "retry-after": RETRY_AFTER });
  }

  /** @throws HttpError `unavailable` when as many as the limit are at work */
  async admit<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#limit) await this.#holdBack();
    if (this.#running >= this.#limit) throw this.#overloaded;
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }

  async #holdBack(): Promise<void> {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#quick = 0;
    }
    if (++this.#quick <= QUICK_REFUSALS || this.#held >= MAX_HELD) return;
    this.#held++;
    await new Promise((resolve) => setTimeout(resolve, HOLD));
    this.#held--;
  }
}
