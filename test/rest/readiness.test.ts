import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FaultyServer } from "../faults/faulty-server.ts";
import { type FaultyNetwork, faultyNetwork } from "../faulty-network.ts";
import { type RestServer, startRestServer } from "./server.ts";

/** A database server of this file's own, behind a network of its own. */
let postgres: FaultyServer;
let network: FaultyNetwork;
let server: RestServer;
beforeAll(async () => {
  postgres = await FaultyServer.start();
  network = await faultyNetwork(postgres.urlOf("migrated"));
  server = await startRestServer({ databaseUrl: network.url });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await network[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
}, 60_000);

/** Milliseconds until `/ready` answers with this status, while `/health` is 200 all the time. */
async function untilReadyIs(status: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    const [ready, health] = await Promise.all([server.call("GET", "/ready"), server.call("GET", "/health")]);
    const now = performance.now();
    expect(health.status).toBe(200);
    if (ready.status === status) return now - start;
    if (now - start > 15_000) throw new Error(`/ready is ${ready.status} for 15 s, and not ${status}.`);
    await delay(20);
  }
}

/** Work that is going on when the database goes; what becomes of it is not the question here. */
function keepBusy(): () => Promise<void> {
  let isOver = false;
  const clients = Array.from({ length: 15 }, async () => {
    while (!isOver) await Promise.race([server.call("GET", "/api/v1/users/").catch(() => undefined), delay(100)]);
  });
  return async () => {
    isOver = true;
    await Promise.all(clients);
  };
}

const faults: readonly [name: string, begin: () => Promise<void>, end: () => Promise<void>][] = [
  ["the server is killed, and started again", () => postgres.kill(), () => postgres.restart()],
  ["the server is paused", () => postgres.pause(), () => postgres.resume()],
  ["connections are cut and refused", () => network.leave(), () => network.comeBack()],
  ["the network swallows everything", async () => network.freeze(), async () => network.thaw()],
];

describe("issue 3: /ready is 503 within 2 s of the database going, and 200 within 2 s of its return", {
  timeout: 60_000,
}, () => {
  test.each(faults)("%s", async (_, begin, end) => {
    await untilReadyIs(200);
    const stopWork = keepBusy();
    await begin();
    expect(await untilReadyIs(503)).toBeLessThan(2_000);
    await delay(1_000);
    await end();
    expect(await untilReadyIs(200)).toBeLessThan(2_000);
    await stopWork();
  });
});
