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

/** What `/ready` says to one request, while `/health` is 200. */
async function ready(): Promise<number> {
  const [{ status }, health] = await Promise.all([server.call("GET", "/ready"), server.call("GET", "/health")]);
  expect(health.status).toBe(200);
  return status;
}

const untilReady = () => expect.poll(ready, { timeout: 15_000, interval: 20 }).toBe(200);

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

// How long one response takes at most, however slow this machine is, is a matter of `health.ts` and its own test.
describe("/ready is 503 at the first request after the database has gone, and 200 once it is back", {
  timeout: 60_000,
}, () => {
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
