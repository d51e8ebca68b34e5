import { setImmediate as turn } from "node:timers/promises";

/** Milliseconds after which the event loop gets a turn. */
const INTERVAL = 10;

/** When the event loop had a turn that we know of. */
let lastTurn = performance.now();

/**
 * To be called before a statement that may run in this process: those are awaited without a turn of the event loop, so that
 * timers, and the signals that they abort, would starve.
 * @returns when the loop has had its turn; `undefined` where it had one lately
 */
export function dueTurn(): Promise<void> | undefined {
  if (performance.now() - lastTurn <= INTERVAL) return undefined;
  return turn().then(() => {
    lastTurn = performance.now();
  });
}
