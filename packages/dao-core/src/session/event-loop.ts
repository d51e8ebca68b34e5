import { setImmediate as turn } from "node:timers/promises";

/** Milliseconds after which the event loop gets a turn. */
const INTERVAL = 10;

// A thread has one event loop, whatever databases it has.
let lastTurn = performance.now();

/**
 * Lets timers, signals and sockets have their turn, if they have had none for {@link INTERVAL}: a database in this process
 * answers without one, so that a loop of awaited statements would keep them waiting to its end.
 */
export async function giveTurn(): Promise<void> {
  if (performance.now() - lastTurn < INTERVAL) return;
  await turn();
  lastTurn = performance.now();
}
