import type { CallOptions } from "../../contract/call-options.ts";
import { UnavailableError } from "../../contract/errors.ts";
import { invalid } from "../../contract/fields/validation.ts";
import { milliseconds } from "../limits.ts";

/** Runs `call` with a signal that also aborts after its `timeout`. @throws ValidationError for either that is invalid */
export function withDeadline<Options extends CallOptions, Result>(
  options: Options,
  call: (options: Options) => Promise<Result>,
): Promise<Result> {
  const { signal, timeout } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw invalid("signal", "must be an AbortSignal, such as the signal of an AbortController");
  }
  return timeout === undefined ? call(options) : bounded(options, timeout, call);
}

async function bounded<Options extends CallOptions, Result>(
  options: Options,
  timeout: number,
  call: (options: Options) => Promise<Result>,
): Promise<Result> {
  milliseconds("timeout", timeout, 1);
  const expiry = new AbortController();
  const sentence = `The call was not done within its ${timeout} ms. Try again later, or give it longer.`;
  const expire = () => expiry.abort(new UnavailableError(sentence));
  deadlines.set(expiry.signal, [{ at: performance.now() + timeout, expire }]);
  const timer = setTimeout(expire, timeout);
  try {
    return await withEitherSignal(options.signal, expiry.signal, (signal) =>
      call({ ...options, signal, timeout: undefined }),
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `end` once, with the reason of an abort, or of `timedOut` when the time is over. Returns a function that stops it. */
export function limitWait(
  milliseconds: number,
  signal: AbortSignal | undefined,
  timedOut: () => unknown,
  end: (error: unknown) => void,
): () => void {
  const stopWatching = () => {
    clearTimeout(expiry);
    stopListening?.();
  };
  const expiry = setTimeout(() => {
    stopWatching();
    end(timedOut());
  }, milliseconds);
  const stopListening =
    signal &&
    onAbort(signal, () => {
      stopWatching();
      end(signal.reason);
    });
  return stopWatching;
}

/** Settles as `promise` does, or rejects as {@link limitWait} ends. */
export function withinTime<Result>(
  promise: Promise<Result>,
  milliseconds: number,
  signal: AbortSignal | undefined,
  timedOut: () => unknown,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    promise.finally(limitWait(milliseconds, signal, timedOut, reject)).then(resolve, reject);
  });
}

/** The deadline of one of our signals: a busy process runs no timers, so the clock is checked as well. */
interface Deadline {
  /** By `performance.now()`. */
  readonly at: number;
  expire(): void;
}

const deadlines = new WeakMap<AbortSignal, readonly Deadline[]>();

const abortListeners = new WeakMap<AbortSignal, Set<() => void>>();

function callListeners(this: AbortSignal): void {
  for (const listener of abortListeners.get(this) ?? []) listener();
}

/** Calls `listener` at an abort; returns a function that stops it. One listener per signal: Node.js warns of more than ten. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const listeners = abortListeners.get(signal) ?? new Set();
  if (listeners.size === 0) abortListeners.set(signal, listeners);
  if (listeners.size === 0) signal.addEventListener("abort", callListeners, { once: true });
  listeners.add(listener);
  return () => {
    const isLast = listeners.delete(listener) && listeners.size === 0;
    if (isLast) signal.removeEventListener("abort", callListeners);
  };
}

/**
 * Runs `use` with a signal that aborts with the first of the two, and has the deadlines of both. Listens only until `use` has
 * settled: with `AbortSignal.any` a long-lived signal leaks memory for each call (nodejs/node #54614).
 */
export function withEitherSignal<Other extends AbortSignal | undefined, Result>(
  one: AbortSignal | undefined,
  other: Other,
  use: (either: AbortSignal | Other) => Promise<Result>,
): Promise<Result> {
  if (one === undefined || one === other) return use(other);
  return other === undefined ? use(one) : withBoth([one, other], use);
}

async function withBoth<Result>(
  signals: readonly AbortSignal[],
  use: (either: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const either = new AbortController();
  const abort = () => either.abort(signals.find(({ aborted }) => aborted)?.reason);
  if (signals.some(({ aborted }) => aborted)) abort();
  const stops = signals.map((signal) => onAbort(signal, abort));
  deadlines.set(
    either.signal,
    signals.flatMap((signal) => deadlines.get(signal) ?? []),
  );
  try {
    return await use(either.signal);
  } finally {
    for (const stop of stops) stop();
  }
}

/** As `signal.throwIfAborted()`, but also notices a deadline whose timer could not run yet. */
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
    promise.finally(onAbort(signal, abort)).then(resolve, reject);
  });
}
