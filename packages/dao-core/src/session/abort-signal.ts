/** When a signal of ours aborts, and how: a process that is busy runs no timer, so the clock is compared as well. */
interface Deadline {
  /** By `performance.now()`. */
  readonly at: number;
  expire(): void;
}

const deadlines = new WeakMap<AbortSignal, readonly Deadline[]>();

/** Says that `expire`, by which `signal` aborts, is due at this time by `performance.now()`. */
export function expiresAt(signal: AbortSignal, at: number, expire: () => void): void {
  deadlines.set(signal, [{ at, expire }]);
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
