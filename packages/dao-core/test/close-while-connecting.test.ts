import { once } from "node:events";
import type { Socket } from "node:net";
import { createTestDatabase } from "@flux/dao-core/testing";
import { expect, inject, test } from "vitest";
import { faultyNetwork } from "../../../test/faulty-network.ts";
import { PostgresConnection } from "../src/drivers/postgres/connection.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { openSocket } from "../src/drivers/postgres/open-socket.ts";
import { startPeer } from "./peer.ts";
import { postgresLocation } from "./postgres-location.ts";

test.each(["disable", "prefer"])(
  "closing ends the attempts to connect to an unresponsive server (%s)",
  async (mode) => {
    let begun: () => void = () => undefined;
    const connecting = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const peer = await startPeer(() => begun());
    const location = postgresLocation(`postgres://user:secret@127.0.0.1:${peer.port}/db?sslmode=${mode}`);
    const driver = postgresDriver(location, { poolSize: 1, connectTimeout: 600_000 });
    const abort = new AbortController();
    const call = driver.execute("select 1", [], { signal: abort.signal });
    await connecting;
    abort.abort();
    await expect(call).rejects.toThrow(/abort/);
    await driver.close(0);
    await peer.close();
  },
);

test("a peer that does not read a long statement keeps no socket open", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  await using network = await faultyNetwork(testDatabase.url);
  const { hostname: host, port } = new URL(network.url);
  const sockets: Socket[] = [];
  const settings = {
    server: postgresLocation(network.url).servers[0],
    login: postgresLocation(network.url),
    types: {},
    parameters: {},
    prepare: true,
    connectTimeout: 5_000,
    responseTimeout: 0,
    script: "select 1",
    openSocket: async () => {
      const options = { tls: { mode: "disable" }, connectTimeout: 5_000, keepAlive: 30_000 } as const;
      const socket = await openSocket({ host, port: Number(port), ...options });
      sockets.push(socket);
      return socket;
    },
  };
  const events = { onLost: () => undefined, onRefused: (_: unknown, error: unknown) => error };
  const connection = await PostgresConnection.open(settings, events, new AbortController().signal);
  const run = (text: string) => connection.execute("select length($1::text)", [text]);
  // Prepared, so that the next one is sent in a single write.
  await run("");
  network.freeze();
  const statement = run("x".repeat(40_000_000)).catch(() => undefined);
  while (sockets[0]?.writableLength === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = sockets.map((socket) => once(socket, "close"));
  await connection.close();
  await Promise.all([statement, ...closed]);
  expect(sockets).toHaveLength(1);
});
