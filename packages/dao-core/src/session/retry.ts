import { FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY } from "./limits.ts";
import { throwIfAborted, untilAborted } from "./waiting/abort-signal.ts";

/** An upcoming retry. */
export interface Retry {
  /** The number of the failed attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds until the next. */
  readonly delay: number;
  /** Why it failed. */
  readonly error: unknown;
}

/** How often and when to retry. */
export interface RetryPolicy {
  /** Attempts beyond the first. */
  readonly retries: number;
  /** Milliseconds after the first attempt began, beyond which nothing is retried. Default: no limit. */
  readonly within?: number;
  readonly isRetryable: (error: unknown) => boolean;
  /** Called before each wait; an error thrown here ends the attempts. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** How often, and for how many milliseconds, a single call is retried after a serialization failure or deadlock. */
export const SINGLE_CALL_RETRIES = { retries: 9, within: 30_000 } as const;

/**
 * Runs `work` until it succeeds, fails with an error that is not retryable, or has no retries left.
 * @throws what `work` throws; the reason of a signal that aborts between two attempts
 */
export async function withRetries<Result>(
  policy: RetryPolicy,
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const { retries, within = Number.POSITIVE_INFINITY, isRetryable, onRetry } = policy;
  const begun = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt > retries || !isRetryable(error) || performance.now() - begun > within) throw error;
      // Full jitter, so that callers that collided do not collide again.
      const delay = Math.random() * Math.min(LONGEST_RETRY_DELAY, FIRST_RETRY_DELAY * 2 ** (attempt - 1));
      onRetry?.({ attempt, delay, error });
      await untilAborted(new Promise((resolve) => setTimeout(resolve, delay)), signal);
      throwIfAborted(signal);
    }
  }
}
