import type { CallOptions } from "../contract/call-options.ts";
import { UnavailableError, ValidationError } from "../contract/errors.ts";
import { isWholeNumber, LARGEST_VALUE } from "./limits.ts";

/** When a signal of ours aborts, and how: a process that is busy runs no timer, so the clock is compared as well. */
interface Deadline {
  /** By `performance.now()`. */
  readonly at: number;
  expire(): void;
}

const deadlines = new WeakMap<AbortSignal, readonly Deadline[]>();

/**
 * Runs `call` with the caller's signal, or with one that also aborts when the call's `timeout` is over. Without a
 * timeout it costs nothing.
 * @throws ValidationError for a timeout that is no whole number of milliseconds from 1 on
 */
export function withDeadline<Options extends CallOptions, Result>(
  options: Options,
  call: (options: Options) => Promise<Result>,
): Promise<Result> {
  return options.timeout === undefined ? call(options) : bounded(options, options.timeout, call);
}

async function bounded<Options extends CallOptions, Result>(
  options: Options,
  timeout: number,
  call: (options: Options) => Promise<Result>,
): Promise<Result> {
  if (!isWholeNumber(timeout, 1)) {
    const message = `must be a whole number of milliseconds from 1 to ${LARGEST_VALUE}`;
    throw new ValidationError([{ path: "timeout", message }]);
  }
  const expiry = new AbortController();
  const expire = () => expiry.abort(timeoutError(timeout));
  deadlines.set(expiry.signal, [{ at: performance.now() + timeout, expire }]);
  const timer = setTimeout(expire, timeout);
  try {
    return await call({ ...options, signal: eitherSignal(options.signal, expiry.signal), timeout: undefined });
  } finally {
    clearTimeout(timer);
  }
}

/** A signal that aborts with the first of the two, and has the deadlines of both. */
export function eitherSignal(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || one === other) return other;
  if (other === undefined) return one;
  const either = AbortSignal.any([one, other]);
  deadlines.set(either, [...(deadlines.get(one) ?? []), ...(deadlines.get(other) ?? [])]);
  return either;
}

/**
 * To be called before each step of work that a signal can end: unlike `signal.throwIfAborted()` it also sees a deadline
 * whose timer the event loop has had no turn to run.
 * @throws the signal's reason
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  for (const { at, expire } of deadlines.get(signal) ?? []) if (performance.now() >= at) expire();
  signal.throwIfAborted();
}

/** Settles as `promise` does, or rejects with the signal's reason when that aborts first. */
export function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
  });
}

function timeoutError(timeout: number): UnavailableError {
  return new UnavailableError(`The call was not done within its ${timeout} ms. Try again later, or give it longer.`);
}
