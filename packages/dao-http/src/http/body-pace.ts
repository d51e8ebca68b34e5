import { HttpError } from "./http-error.ts";

/** Milliseconds within which {@link LEAST} bytes of a body, or its end, must come unless set otherwise. */
export const DEFAULT_BODY_TIMEOUT = 30_000;

/** Bytes that must come in that time: some 330 a second are less than any network carries. */
export const LEAST = 10_000;

/**
 * The time that a sender takes over a body: within `timeout` so many bytes of it must come, then as many again. The clock
 * runs only while the service waits for them. What it takes itself, to write rows or to wait for its turn, is not the sender's.
 */
export class BodyPace {
  readonly #timeout: number;
  readonly #onLate: (error: HttpError) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  /** Milliseconds that were used up before the clock was stopped. */
  #used = 0;
  #startedAt = 0;

  /** @param onLate called once, when the bytes have not come in time */
  constructor(timeout: number, onLate: (error: HttpError) => void) {
    this.#timeout = timeout;
    this.#onLate = onLate;
  }

  /** From now on the body is waited for. */
  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(() => this.#onLate(tooSlow(this.#timeout)), this.#timeout - this.#used);
  }

  /** From now on it is not, until the next start. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#used += performance.now() - this.#startedAt;
  }

  /** Bytes have come: enough of them have the whole time again. */
  add(count: number): void {
    this.#bytes += count;
    if (this.#bytes < LEAST) return;
    this.#bytes = 0;
    this.stop();
    this.#used = 0;
    this.start();
  }
}

function tooSlow(timeout: number): HttpError {
  return new HttpError(
    "request_timeout",
    `The body came too slowly: of each ${timeout / 1_000} s in which the service waited for it, less than ${LEAST} bytes. Send it again, without pauses.`,
    { connection: "close" },
  );
}
