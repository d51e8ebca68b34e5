import { setImmediate as turn } from "node:timers/promises";
import { TURN_INTERVAL } from "../limits.ts";

// A thread has one event loop, whatever databases it has.
let lastTurn = performance.now();

const waiting: (() => void)[] = [];

/**
 * Waits for a turn of the event loop. Of all who wait, in whichever database or response, one goes on in each turn: together
 * they would keep timers and sockets waiting for all that they do.
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
 * Lets timers, signals and sockets have their turn, if they have had none for {@link TURN_INTERVAL}: a database in this process
 * returns without one, so that a loop of awaited statements would keep them waiting to its end.
 */
export async function giveTurn(): Promise<void> {
  if (performance.now() - lastTurn < TURN_INTERVAL) return;
  await turn();
  lastTurn = performance.now();
}
