import { onAbort } from "./abort-signal.ts";

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
