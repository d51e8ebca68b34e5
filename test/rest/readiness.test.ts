import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FaultyServer } from "../faults/faulty-server.ts";
import { type FaultyNetwork, faultyNetwork } from "../faulty-network.ts";
import { type RestServer, startRestServer } from "./server.ts";

/** This file's own database server, behind a network of its own. */
let postgres: FaultyServer;
let network: FaultyNetwork;
let server: RestServer;
beforeAll(async () => {
  postgres = await FaultyServer.start();
  network = await faultyNetwork(postgres.urlOf("migrated"));
  server = await startRestServer({ databaseUrl: network.url });
});
afterAll(async () => {
  await server.stop();
  await network[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** The status of `/ready` for one request, while `/health` is 200. */
async function ready(): Promise<number> {
  const [{ status }, health] = await Promise.all([server.call("GET", "/ready"), server.call("GET", "/health")]);
  expect(health.status).toBe(200);
  return status;
}

const untilReady = () => expect.poll(ready, { timeout: 15_000 }).toBe(200);

/** Work in progress when the database fails; its outcome is not tested here. */
function keepBusy(): () => Promise<void> {
  let isOver = false;
  const clients = Array.from({ length: 15 }, async () => {
    while (!isOver) await server.call("GET", "/api/v1/users/").catch(() => delay(100));
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
  ["the network drops everything", async () => network.freeze(), async () => network.thaw()],
];

// The maximum response time on a slow machine is covered by `Readiness` and its own test.
describe("/ready is 503 at the first request after the database has failed, and 200 once it is back", () => {
  test.each(faults)("%s", async (_, begin, end) => {
    await untilReady();
    const stopWork = keepBusy();
    await begin();
    expect(await ready()).toBe(503);
    await end();
    await untilReady();
    await stopWork();
  });
});
