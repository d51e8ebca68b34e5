import { HttpError } from "./http-error.ts";

/** Seconds after which a caller that was turned away may try again. */
const RETRY_AFTER = "2";

/**
 * Lets in as many requests at a time as can be answered in good time, and turns others away before anything of them is
 * read: what is refused must cost little, or an overload would leave no time to answer anybody.
 */
export class Admission {
  readonly #limit: number;
  readonly #overloaded: HttpError;
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
    // One for all: making an error is dear, for its stack.
    const detail = `The service is answering ${limit} requests already. Try again later.`;
    this.#overloaded = new HttpError("unavailable", detail, { "retry-after": RETRY_AFTER });
  }

  /** @throws HttpError `unavailable` when as many as the limit are at work */
  async admit<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#limit) throw this.#overloaded;
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }
}
