import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";

/** Turns of the event loop for what arrived while the process was not run. */
const TURNS = 50;

/**
 * The result of a call that settles before a timer of this process fires. Unlike two readings of the clock, it holds on a machine
 * that stops the process for a while: that delays the timer as well.
 */
export async function within<Result>(milliseconds: number, call: () => PromiseLike<Result>): Promise<Result> {
  const settled = new AbortController();
  const { signal } = settled;
  const late = delay(milliseconds, undefined, { signal, ref: false }).then(
    async () => {
      for (let turns = 0; turns < TURNS && !signal.aborted; turns++) await turn();
      if (!signal.aborted) throw new Error(`not settled within ${milliseconds} ms`);
      return undefined as never;
    },
    () => undefined as never,
  );
  try {
    return await Promise.race([call(), late]);
  } finally {
    settled.abort();
  }
}
