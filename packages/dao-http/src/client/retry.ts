import { isDaoError } from "@flux/dao-core/errors";
import { type Operation, takesIdempotencyKey } from "../api/operation.ts";
import { FIRST_RETRY_DELAY, LAST_RETRY_DELAY, RETRIES } from "../wire/limits.ts";
import type { Call } from "./connection.ts";
import type { AnswerHead } from "./foreign-answer.ts";

/** What is told of a retry before it happens. */
export interface ClientRetry {
  /** The one that failed, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next. */
  readonly delay: number;
  /** The method and the path's template, such as `GET /api/v1/tasks/{task_id}`. */
  readonly operation: string;
}

/** How calls are sent again that the service did not answer, or answered with a 503. */
export interface RetryOptions {
  /**
   * Attempts beyond the first. Only calls are sent again that can be sent twice: those that read, `putDemoFlags` without a
   * version, and a POST under an idempotency key; any other only where it surely was not done, since no connection came about
   * or the answer is a 429. All attempts share the call's time-out; those of a stream begin to count with each row that comes.
   * Default 2.
   */
  readonly retries?: number | undefined;
  /** Called before each wait, to count or to log it. */
  readonly onRetry?: ((retry: ClientRetry) => void) | undefined;
}

/** What comes of connecting alone: nothing was sent. */
const unconnected: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The attempts at one call: how many there may be, and how much time they have together. */
export class Attempts {
  readonly #call: Pick<Call, "headers" | "signal">;
  readonly #operation: Operation;
  readonly #timeout: number;
  readonly #options: RetryOptions;
  #number = 1;
  #end = 0;

  /** @param timeout milliseconds for all of them */
  constructor(
    call: Pick<Call, "headers" | "signal">,
    operation: Operation,
    timeout: number,
    options: RetryOptions = {},
  ) {
    this.#call = call;
    this.#operation = operation;
    this.#timeout = timeout;
    this.#options = options;
    this.restart();
  }

  /** From 1. */
  get number(): number {
    return this.#number;
  }

  /** Milliseconds that the next may take; at least one. */
  get timeLeft(): number {
    return Math.max(1, Math.ceil(this.#end - performance.now()));
  }

  /** What comes now has all attempts and all the time again. */
  restart(): void {
    this.#number = 1;
    this.#end = performance.now() + this.#timeout;
  }

  /**
   * Waits until it is time for the next attempt.
   * @param error why the last one failed
   * @param head of the answer to it, if there was one
   * @throws `error`, where there is no other attempt; the signal's reason when it aborts
   */
  async next(error: unknown, head: AnswerHead | undefined): Promise<void> {
    const { retries = RETRIES, onRetry } = this.#options;
    const attempt = this.#number;
    // Full jitter, so that those who were turned away together do not come back together.
    const jitter = Math.random() * Math.min(LAST_RETRY_DELAY, FIRST_RETRY_DELAY * 2 ** (attempt - 1));
    const delay = (head?.retryAfter ?? 0) + jitter;
    const isFinal = attempt > retries || performance.now() + delay >= this.#end;
    if (isFinal || !this.#mayBeRepeated(error, head?.status)) throw error;
    const { method, path } = this.#operation;
    onRetry?.({ attempt, delay, operation: `${method} ${path}` });
    await wait(delay, this.#call.signal);
    this.#number++;
  }

  #mayBeRepeated(error: unknown, status: number | undefined): boolean {
    const isUnavailable = status === 503 || (isDaoError(error) && error.code === "unavailable");
    return isUnavailable && (isRepeatable(this.#operation, this.#call.headers) || wasSurelyNotDone(error, status));
  }
}

/** Whether sending it twice does what sending it once does. */
function isRepeatable(operation: Operation, headers: Call["headers"]): boolean {
  if (operation.method === "GET") return true;
  if (operation.method === "PUT") return headers["if-match"] === undefined;
  return takesIdempotencyKey(operation) && headers["idempotency-key"] !== undefined;
}

function wasSurelyNotDone(error: unknown, status: number | undefined): boolean {
  if (status === 429) return true;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && unconnected.has(cause.code)) return true;
  }
  return false;
}

/** @throws the signal's reason when it aborts */
function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
  });
}
