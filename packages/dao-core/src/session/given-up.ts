/**
 * For whoever waits in a line: calls `giveUp` at most once, with the reason of an abort, or with nothing when the time is
 * over.
 * @returns stops watching, for one whose turn has come
 */
export function onGivenUp(
  milliseconds: number,
  signal: AbortSignal | undefined,
  giveUp: (reason: unknown) => void,
): () => void {
  const stopWatching = () => {
    clearTimeout(expiry);
    signal?.removeEventListener("abort", abort);
  };
  const abort = () => {
    stopWatching();
    giveUp(signal?.reason);
  };
  const expiry = setTimeout(() => {
    stopWatching();
    giveUp(undefined);
  }, milliseconds);
  signal?.addEventListener("abort", abort, { once: true });
  return stopWatching;
}
