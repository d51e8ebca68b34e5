import { setImmediate as turn } from "node:timers/promises";
import { TURN_INTERVAL } from "../limits.ts";

// Per thread, like the event loop, not per database.
let lastTurn = performance.now();

const waiting: (() => void)[] = [];

/**
 * Waits for a turn of the event loop. One waiter of the process continues per turn, so that together they do not delay timers and
 * sockets.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(beginTurn);
  });
}

function beginTurn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(beginTurn);
}

/**
 * Yields to timers, signals and sockets if {@link TURN_INTERVAL} has passed: statements of a database in this process do not, so
 * that a loop of them would delay everything else until its end.
 */
export async function giveTurn(): Promise<void> {
  if (performance.now() - lastTurn < TURN_INTERVAL) return;
  await turn();
  lastTurn = performance.now();
}
