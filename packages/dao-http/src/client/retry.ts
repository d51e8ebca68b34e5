import { isDaoError } from "@flux/dao-core/errors";
import type { Operation } from "../operations/operation.ts";
import type { Answer, Call, Connection } from "./connection.ts";

/** What is told of a retry before it happens. */
export interface ClientRetry {
  /** The one that failed, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next. */
  readonly delay: number;
  /** The method and the path's template, such as `GET /api/v1/tasks/{task_id}`. */
  readonly operation: string;
}

/** How calls are sent again that nobody answered, or that were answered with a 503. */
export interface RetryOptions {
  /**
   * Attempts beyond the first. Only calls are sent again that can be sent twice: those that read, `putDemoFlags` without a
   * version, and a POST under an idempotency key. All attempts share the call's time-out. Default 2.
   */
  readonly retries?: number | undefined;
  /** Called before each wait, to count or to log it. */
  readonly onRetry?: ((retry: ClientRetry) => void) | undefined;
}

const DEFAULT_RETRIES = 2;

/** Milliseconds: the most to wait before the first retry, doubled each time, and before any, unless the service asks for more. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 2_000;

/** Whether sending it twice does what sending it once does. */
function isRepeatable({ method }: Operation, headers: Readonly<Record<string, string>>): boolean {
  if (method === "GET") return true;
  if (method === "PUT") return headers["if-match"] === undefined;
  return method === "POST" && headers["idempotency-key"] !== undefined;
}

/**
 * Sends a call until it is answered, it has been sent often enough, or its time is over.
 * @throws as {@link Connection.send} does, for the last attempt
 */
export async function sendWithRetries(
  connection: Connection,
  call: Call,
  operation: Operation,
  { retries = DEFAULT_RETRIES, onRetry }: RetryOptions = {},
): Promise<Answer> {
  const end = performance.now() + (call.timeout ?? connection.timeout);
  const attempts = isRepeatable(operation, call.headers) ? retries : 0;
  for (let attempt = 1; ; attempt++) {
    const left = Math.max(1, Math.ceil(end - performance.now()));
    const outcome = await attemptOf(connection, { ...call, timeout: left, attempt });
    const isFinal = attempt > attempts || !outcome.isUnavailable;
    // Full jitter, so that those who were turned away together do not come back together.
    const delay = (outcome.retryAfter ?? 0) + Math.random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
    if (isFinal || performance.now() + delay >= end) return outcome.result();
    onRetry?.({ attempt, delay, operation: `${operation.method} ${operation.path}` });
    await wait(delay, call.signal);
  }
}

interface Outcome {
  readonly isUnavailable: boolean;
  /** Milliseconds that the service asks for. */
  readonly retryAfter?: number | undefined;
  /** The answer, or the error. */
  readonly result: () => Answer;
}

async function attemptOf(connection: Connection, call: Call): Promise<Outcome> {
  try {
    const answer = await connection.send(call);
    return { isUnavailable: answer.status === 503, retryAfter: answer.retryAfter, result: () => answer };
  } catch (error) {
    const result = () => {
      throw error;
    };
    return { isUnavailable: isDaoError(error) && error.code === "unavailable", result };
  }
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
