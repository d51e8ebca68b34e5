import type { StartedOperation } from "@flux/dao-core";
import { type ReceivedResponse, type ResponseHead, unavailable } from "./client-errors.ts";

/** What limits a call. */
export interface CallLimits {
  readonly method: string;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds for the response, or for its head if its body is read in pieces. Of an import: for any progress. */
  readonly timeout: number;
  readonly operation?: StartedOperation | undefined;
}

/**
 * An HTTP request and its response. Ends when it is closed, its signal aborts, or its time is over; what waits for it then throws
 * the signal's reason, or an UnavailableError.
 */
export class HttpCall {
  readonly #limits: CallLimits;
  readonly #abort = new AbortController();
  readonly #abortBySignal = () => this.#abort.abort(this.#limits.signal?.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #limit = 0;
  #lateness: DOMException | undefined;
  #response: Response | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(limits: CallLimits) {
    this.#limits = limits;
    limits.signal?.addEventListener("abort", this.#abortBySignal);
    this.#startTimer(limits.timeout);
  }

  /** For `fetch`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Waits for the head of the response. */
  async begin(sent: Promise<Response>): Promise<void> {
    this.#response = await this.#translated(
      sent.then((response) => {
        // A `fetch` that calls the service in-process responds to an aborted request (499) in place of rejecting.
        if (!response.ok) this.#abort.signal.throwIfAborted();
        return response;
      }),
    );
  }

  /** Status 0 for no response. */
  get head(): ResponseHead {
    const status = this.#response?.status ?? 0;
    const header = (name: string) => this.#response?.headers.get(name) ?? undefined;
    const retryAfter = waitOf(header("retry-after"), header("date"));
    return { status, requestId: header("x-request-id"), contentType: header("content-type"), retryAfter };
  }

  async complete(): Promise<ReceivedResponse> {
    return { ...this.head, text: await this.#translated(this.#response?.text() ?? Promise.resolve("")) };
  }

  /**
   * The body as it arrives.
   * @param limit milliseconds for the next piece
   */
  async *pieces(limit: () => number): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = this.#response?.body?.getReader();
    if (reader === undefined) return;
    for (;;) {
      this.#startTimer(limit());
      const { done, value } = await this.#translated(reader.read());
      // The caller's time does not count.
      this.pause();
      if (done) return;
      yield value;
    }
  }

  /** Stops the clock until the next {@link expectProgress}: the caller is busy. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** Restarts the clock: the service must take more of the request, or respond. */
  expectProgress(): void {
    if (!this.#abort.signal.aborted) this.#startTimer(this.#limits.timeout);
  }

  /** Ends the call; the rest of the response is not read. */
  close(): void {
    this.pause();
    this.#limits.signal?.removeEventListener("abort", this.#abortBySignal);
    this.#abort.abort();
    this.#limits.operation?.end({ status: this.#response?.status, failure: this.#failure });
  }

  #startTimer(limit: number): void {
    this.pause();
    this.#limit = limit;
    this.#timer = setTimeout(() => {
      this.#lateness = new DOMException("The call took too long.", "TimeoutError");
      this.#abort.abort(this.#lateness);
    }, limit);
  }

  async #translated<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (cause) {
      this.#failure = { error: this.#lateness ?? cause };
      const { method, signal } = this.#limits;
      signal?.throwIfAborted();
      const what =
        this.#lateness !== undefined
          ? `The service did not respond within ${this.#limit} ms.`
          : "The service cannot be reached, or the connection was lost.";
      throw unavailable(what, method, { cause });
    }
  }
}

/**
 * The milliseconds of a `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), which is by the clock that set `Date`;
 * `undefined` if it is neither.
 */
function waitOf(retryAfter = "", date = ""): number | undefined {
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  if (!/^[A-Z][a-z]{2,8}, /.test(retryAfter)) return undefined;
  const wait = Date.parse(retryAfter) - (Date.parse(date) || Date.now());
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
