import type { StartedOperation } from "@flux/dao-core";
import { POSITION_HEADER } from "../api/operation.ts";
import { type ResponseHead, unavailable } from "./errors.ts";
import { onAbort } from "./waiting.ts";

/** An HTTP request and its response. At its end, abort or time-out, waits throw the signal's reason or UnavailableError. */
export class HttpCall {
  readonly #method: string;
  readonly #timeout: number;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #abort = new AbortController();
  readonly #stopListening: (() => void) | undefined;
  #operation: StartedOperation | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lateness: DOMException | undefined;
  #response: Response | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param operation ended with the call */
  constructor(method: string, timeout: number, signal: AbortSignal | undefined, operation?: StartedOperation) {
    this.#method = method;
    this.#timeout = timeout;
    this.#callerSignal = signal;
    this.#operation = operation;
    this.#stopListening = signal && onAbort(signal, () => this.#abort.abort(signal.reason));
    this.#startTimer(timeout);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get head(): ResponseHead {
    const header = (name: string) => this.#response?.headers.get(name) ?? undefined;
    return {
      status: this.#response?.status ?? 0,
      requestId: header("x-request-id"),
      contentType: header("content-type"),
      position: header(POSITION_HEADER),
      retryAfter: waitOf(header("retry-after"), header("date")),
    };
  }

  /** Waits for the head of the response. A call that fails is closed. */
  async begin(send: () => Promise<Response>): Promise<void> {
    try {
      await this.#translated(async () => {
        const response = await send();
        // A `fetch` that calls the service in-process responds with 499 to an aborted request instead of rejecting.
        if (!response.ok) this.#abort.signal.throwIfAborted();
        this.#response = response;
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The whole body. Closes the call. */
  async text(): Promise<string> {
    try {
      return await this.#translated(async () => (await this.#response?.text()) ?? "");
    } finally {
      this.close();
    }
  }

  /** @param limit milliseconds for the next piece */
  async *pieces(limit: () => number): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = this.#response?.body?.getReader();
    if (reader === undefined) return;
    for (;;) {
      this.#startTimer(limit());
      const { done, value } = await this.#translated(() => reader.read());
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

  /** Restarts the clock: the service must receive more of the request, or respond. */
  expectProgress(): void {
    if (!this.#abort.signal.aborted) this.#startTimer(this.#timeout);
  }

  /** Ends the call; the rest of the response is not read. */
  close(): void {
    this.pause();
    this.#stopListening?.();
    this.#abort.abort();
    this.#operation?.end({ status: this.#response?.status, failure: this.#failure });
    this.#operation = undefined;
  }

  #startTimer(limit: number): void {
    this.pause();
    this.#timer = setTimeout(() => {
      this.#lateness = new DOMException(`The service did not respond within ${limit} ms.`, "TimeoutError");
      this.#abort.abort(this.#lateness);
    }, limit);
  }

  async #translated<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      this.#failure = { error: this.#lateness ?? cause };
      this.#callerSignal?.throwIfAborted();
      const what =
        this.#lateness?.message ?? "The service cannot be reached at the base URL, or the connection was lost.";
      throw unavailable(what, this.#method, { cause });
    }
  }
}

/** The milliseconds of a `Retry-After`, in seconds or as a date by the clock of the `Date` header (RFC 9110, 10.2.3). */
function waitOf(retryAfter = "", date = ""): number | undefined {
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  if (!/^[A-Z][a-z]{2,8}, /.test(retryAfter)) return undefined;
  const wait = Date.parse(retryAfter) - (Date.parse(date) || Date.now());
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
