import type { CallOptions } from "../../contract/call-options.ts";
import { UnavailableError, ValidationError } from "../../contract/errors.ts";
import { isWholeNumber, LARGEST_VALUE } from "../limits.ts";
import { expiresAt, onAbort, withEitherSignal } from "./abort-signal.ts";

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
  expiresAt(expiry.signal, performance.now() + timeout, expire);
  const timer = setTimeout(expire, timeout);
  try {
    return await withEitherSignal(options.signal, expiry.signal, (signal) =>
      call({ ...options, signal, timeout: undefined }),
    );
  } finally {
    clearTimeout(timer);
  }
}

function timeoutError(timeout: number): UnavailableError {
  return new UnavailableError(`The call was not done within its ${timeout} ms. Try again later, or give it longer.`);
}

/**
 * Limits how long a caller waits: calls `end` at most once, with the reason of an abort, or with what `timedOut` returns when
 * the time is over.
 * @returns stops watching, for a caller whose turn has come
 */
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
