import { setImmediate as turn } from "node:timers/promises";
import { TURN_INTERVAL } from "../limits.ts";

// Per thread, like the event loop, not per database.
let lastTurn = performance.now();

const waiting: (() => void)[] = [];

/** Waits for a turn of the event loop. One waiter continues per turn, so that together they do not delay timers and sockets. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(beginTurn);
  });
}

function beginTurn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(beginTurn);
}

/** Yields to timers, signals and sockets every {@link TURN_INTERVAL}, which a loop of statements in this process would not. */
export async function giveTurn(): Promise<void> {
  if (performance.now() - lastTurn < TURN_INTERVAL) return;
  await turn();
  lastTurn = performance.now();
}
