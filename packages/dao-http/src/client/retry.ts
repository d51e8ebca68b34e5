import { isDaoError } from "@flux/dao-core/errors";
import { FIRST_RETRY_DELAY, LAST_RETRY_DELAY, RETRIES } from "../wire/limits.ts";
import { isError } from "../wire/realms.ts";
import type { ResponseHead } from "./errors.ts";
import type { CallRequest } from "./request.ts";
import { pause } from "./waiting.ts";

/** A retry that is about to happen. */
export interface ClientRetry {
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** The method and the path's template, such as `GET /api/v1/tasks/{task_id}`. */
  readonly operation: string;
}

/** Retries of calls without a response, or with a 503. */
export interface RetryOptions {
  /**
   * Attempts after the first. Only calls that can be sent twice are retried: reads, `putDemoFlags` without a version, and POSTs with
   * an idempotency key; others only if they certainly had no effect, because no connection was established or the response is a
   * 429. All attempts share the call's time-out; with a stream, count and time restart with each row. Default 2; without limit for
   * a follower of changes that has reached the service once.
   */
  readonly retries?: number | undefined;
  /** Called before each wait, for metrics or a log. */
  readonly onRetry?: ((retry: ClientRetry) => void) | undefined;
}

/** The attempts of one call: their number, from 1, and their shared time. */
export class Attempts {
  readonly #request: CallRequest;
  readonly #timeout: number;
  readonly #options: RetryOptions;
  readonly #isPersistent: boolean;
  number = 1;
  #end: number;

  /** @param isPersistent whether they go on until the call succeeds, unless `options` limit them; then each has that time */
  constructor(request: CallRequest, timeout: number, options: RetryOptions = {}, isPersistent = false) {
    this.#request = request;
    this.#timeout = timeout;
    this.#options = options;
    this.#isPersistent = isPersistent;
    this.#end = performance.now() + timeout;
  }

  /** Milliseconds for the next attempt, at least one. */
  get timeout(): number {
    return Math.max(1, Math.ceil(this.#end - performance.now()));
  }

  restart(): void {
    this.number = 1;
    this.#end = performance.now() + this.#timeout;
  }

  /**
   * Waits for the next attempt.
   * @param error why the last one failed
   * @param head of its response, if there was one
   * @throws `error` if there is no other attempt; the signal's reason if it aborts
   */
  async next(error: unknown, head: ResponseHead | undefined): Promise<void> {
    const { retries = this.#isPersistent ? Number.POSITIVE_INFINITY : RETRIES, onRetry } = this.#options;
    const attempt = this.number;
    // Full jitter, so that calls rejected together are not retried together.
    const jitter = Math.random() * Math.min(LAST_RETRY_DELAY, FIRST_RETRY_DELAY * 2 ** (attempt - 1));
    const delay = (head?.retryAfter ?? 0) + jitter;
    const isFinal = attempt > retries || performance.now() + delay >= this.#end;
    if (isFinal || !mayRetry(this.#request, error, head?.status)) throw error;
    const { method, path } = this.#request.operation;
    onRetry?.({ attempt, delay, operation: `${method} ${path}` });
    await pause(delay, this.#request.signal);
    if (this.#isPersistent) this.#end = performance.now() + this.#timeout;
    this.number++;
  }
}

function mayRetry(request: CallRequest, error: unknown, status: number | undefined): boolean {
  const isUnavailable = status === 503 || (isDaoError(error) && error.code === "unavailable");
  return isUnavailable && (isRepeatable(request) || status === 429 || isUnconnected(error));
}

function isRepeatable({ operation: { method }, headers }: CallRequest): boolean {
  if (method === "PUT") return headers["if-match"] === undefined && headers["if-none-match"] === undefined;
  return method === "GET" || headers["idempotency-key"] !== undefined;
}

/** Errors of connecting: nothing was sent. */
const unconnected = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/;

function isUnconnected(error: unknown): boolean {
  if (!isError(error)) return false;
  return ("code" in error && unconnected.test(String(error.code))) || isUnconnected(error.cause);
}
