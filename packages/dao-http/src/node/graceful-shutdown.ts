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

/** Stops a server without dropping requests, within the grace period. */
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
    // Right after incoming data was read, so that a request is seen before its connection counts as idle.
    await nextTurn();
    connections.closeIdle(Math.max(stopDelay, MIN_IDLE));
  }
  connections.closeAll();
  await database?.close(Math.max(0, cutOff - performance.now()));
}

/**
 * Closes the port when no new connection is likely: the operating system resets connections that this process has not accepted
 * yet. Clients reconnect as soon as they have a response, so responses wait meanwhile.
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
  // The HTTP server's close would cut idle connections, also those on which a request is on its way.
  NetServer.prototype.close.call(server, onClosed);
  await whenPortIsClosed?.();
  connections.release();
}
