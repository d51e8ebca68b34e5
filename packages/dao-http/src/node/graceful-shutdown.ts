import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { OpenConnections } from "./connections.ts";

export interface StopOptions {
  readonly app: { readonly announceStop: () => void };
  readonly database?: { close(timeout: number): Promise<void> } | undefined;
  readonly stopDelay?: number | undefined;
  readonly gracePeriod?: number | undefined;
  readonly whenPortIsClosed?: (() => Promise<void>) | undefined;
}

/** Milliseconds of the grace period that are kept for the end: whoever ends the process by force does it on the dot. */
const CLOSING_TIME = 500;
/** Milliseconds that a connection is idle, at the least, before it is closed. */
const SHORTEST_IDLE = 20;
/** Milliseconds without a new connection after which the port is closed, and those for which that is waited for. */
const QUIET = 100;
const PATIENCE = 400;

/** Stops a server without dropping a request, as far as the grace period allows. */
export async function stopServer(server: Server, connections: OpenConnections, options: StopOptions): Promise<void> {
  const { app, database, stopDelay = 500, gracePeriod = 10_000, whenPortIsClosed } = options;
  const cutOff = performance.now() + gracePeriod - Math.min(CLOSING_TIME, gracePeriod / 2);
  app.announceStop();
  connections.announceClose();
  await delay(Math.min(stopDelay, gracePeriod));
  let isClosed = false;
  const onClosed = () => {
    isClosed = true;
  };
  await closePort(server, connections, onClosed, whenPortIsClosed);
  while (!isClosed && performance.now() < cutOff) {
    await delay(10);
    // Straight after what has come in was read, so that a request is seen before its connection is taken for idle.
    await nextTurn();
    connections.closeIdle(Math.max(stopDelay, SHORTEST_IDLE));
  }
  server.closeAllConnections();
  await database?.close(Math.max(0, cutOff - performance.now()));
}

/**
 * Closes the port when nobody is about to be on it: connections that the system has made, and this process has not taken
 * yet, are reset by that. Whoever calls again as soon as there is an answer would always be; so answers wait meanwhile.
 */
async function closePort(
  server: Server,
  connections: OpenConnections,
  onClosed: () => void,
  whenPortIsClosed: StopOptions["whenPortIsClosed"],
): Promise<void> {
  connections.hold();
  const from = performance.now();
  const isQuiet = (now: number) => now - Math.max(from, connections.lastOpened) >= QUIET;
  for (let now = from; !isQuiet(now) && now - from < PATIENCE; now = performance.now()) {
    await delay(2);
    await nextTurn();
  }
  // HTTP's own close would cut idle connections at once, among them those that a request is on its way on.
  NetServer.prototype.close.call(server, onClosed);
  await whenPortIsClosed?.();
  connections.release();
}
