import type { Server } from "node:http";
import { Server as NetServer } from "node:net";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { CLOSING_TIME, GRACE_PERIOD, MIN_IDLE, PORT_QUIET, PORT_QUIET_WAIT, STOP_DELAY } from "../wire/limits.ts";
import type { OpenConnections } from "./connections.ts";

export interface StopOptions {
  readonly app: { readonly announceStop: () => void };
  readonly database?: { close(timeout: number): Promise<void> } | undefined;
  readonly stopDelay?: number | undefined;
  readonly gracePeriod?: number | undefined;
  readonly whenPortIsClosed?: (() => Promise<void>) | undefined;
}

/** Stops a server without dropping a request, as far as the grace period allows. */
export async function stopServer(server: Server, connections: OpenConnections, options: StopOptions): Promise<void> {
  const { app, database, stopDelay = STOP_DELAY, gracePeriod = GRACE_PERIOD, whenPortIsClosed } = options;
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
    connections.closeIdle(Math.max(stopDelay, MIN_IDLE));
  }
  connections.closeAll();
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
  const isQuiet = (now: number) => now - Math.max(from, connections.lastOpened) >= PORT_QUIET;
  for (let now = from; !isQuiet(now) && now - from < PORT_QUIET_WAIT; now = performance.now()) {
    await delay(2);
    await nextTurn();
  }
  // HTTP's own close would cut idle connections at once, among them those that a request is on its way on.
  NetServer.prototype.close.call(server, onClosed);
  await whenPortIsClosed?.();
  connections.release();
}
