import { MIN_PROGRESS } from "../wire/limits.ts";
import { bodyTooSlow, type HttpError } from "./http-error.ts";

/**
 * Limits how slowly a body may arrive: within each `timeout`, {@link MIN_PROGRESS} bytes. The clock runs only while the service
 * waits for the sender, not while it writes rows or waits for its turn.
 */
export class BodyPace {
  readonly #timeout: number;
  readonly #onLate: (error: HttpError) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  /** Milliseconds used before the clock was stopped. */
  #used = 0;
  #startedAt = 0;

  /** @param onLate called once, when too few bytes have arrived in time */
  constructor(timeout: number, onLate: (error: HttpError) => void) {
    this.#timeout = timeout;
    this.#onLate = onLate;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(() => this.#onLate(bodyTooSlow(this.#timeout)), this.#timeout - this.#used);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#used += performance.now() - this.#startedAt;
  }

  /** Counts bytes that arrived; after enough of them the time starts again. */
  add(count: number): void {
    this.#bytes += count;
    if (this.#bytes < MIN_PROGRESS) return;
    this.#bytes = 0;
    this.stop();
    this.#used = 0;
    this.start();
  }
}
