import { UnavailableError } from "@flux/dao-core/errors";
import type { CallSpan } from "./client-telemetry.ts";

/** What bounds an exchange. */
export interface ExchangeLimits {
  readonly method: string;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds for the answer; for one that is read piece by piece, for each of them. */
  readonly timeout: number;
  /** Told once, when it ends. */
  readonly span?: Pick<CallSpan, "ended"> | undefined;
}

/** A call and its answer, which ends when it is closed, when its signal aborts, or when its time is over. */
export class Exchange {
  readonly #limits: ExchangeLimits;
  readonly #abort = new AbortController();
  readonly #giveUp = () => this.#abort.abort(this.#limits.signal?.reason);
  #timer: ReturnType<typeof setTimeout>;
  #isLate = false;
  #response: Response | undefined;
  #failure: unknown;

  constructor(limits: ExchangeLimits) {
    this.#limits = limits;
    limits.signal?.addEventListener("abort", this.#giveUp);
    this.#timer = this.#startTimer();
  }

  /** For `fetch`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** @throws UnavailableError when the service cannot be reached, or does not answer in time; the signal's reason */
  async begin(response: Promise<Response>): Promise<void> {
    this.#response = await this.#translated(response);
  }

  get status(): number {
    return this.#response?.status ?? 0;
  }

  get requestId(): string | undefined {
    return this.#response?.headers.get("x-request-id") ?? undefined;
  }

  /** Milliseconds after which the service asks to be called again (RFC 9110, 10.2.3); it sends no dates. */
  get retryAfter(): number | undefined {
    const seconds = this.#response?.headers.get("retry-after") ?? "";
    return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1_000 : undefined;
  }

  /**
   * The whole body.
   * @throws as {@link begin} does
   */
  async text(): Promise<string> {
    return this.#response === undefined ? "" : this.#translated(this.#response.text());
  }

  /**
   * The text of the body as it comes.
   * @throws as {@link begin} does, also for a body that breaks off
   */
  async *pieces(): AsyncGenerator<string, void, undefined> {
    const reader = this.#response?.body?.getReader();
    if (reader === undefined) return;
    const decoder = new TextDecoder();
    for (;;) {
      this.#restartTimer();
      const { done, value } = await this.#translated(reader.read());
      // What is done with a piece is the caller's time.
      clearTimeout(this.#timer);
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  }

  /** Ends it; what is left of the answer is not read. */
  close(): void {
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener("abort", this.#giveUp);
    this.#abort.abort();
    this.#limits.span?.ended({ status: this.status, error: this.#failure, isLate: this.#isLate });
  }

  #startTimer(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#isLate = true;
      this.#abort.abort();
    }, this.#limits.timeout);
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
  }

  async #translated<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (cause) {
      this.#failure = cause;
      const { method, signal, timeout } = this.#limits;
      signal?.throwIfAborted();
      const what = this.#isLate
        ? `The service did not answer within ${timeout} ms.`
        : "The service cannot be reached, or the connection was lost.";
      throw new UnavailableError(`${what} ${mayHaveDone(method)}`, { cause });
    }
  }
}

function mayHaveDone(method: string): string {
  return method === "GET"
    ? "Check that it runs, then try again."
    : "What was asked may have been done or not: read before you write again.";
}
