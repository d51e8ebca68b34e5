import { once } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { createDaoServices, DaoUnitOfWork, type Database, isDaoError, openDatabase } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { findFreePort } from "../../../scripts/postgres/free-port.ts";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../../../scripts/postgres/replicated-postgres.ts";
import { faultyNetwork } from "../../../test/faulty-network.ts";
import type { TargetSession } from "../src/connection-string/database-url.ts";
import { PostgresConnection } from "../src/drivers/postgres/connection.ts";
import { type PostgresDriver, postgresDriver } from "../src/drivers/postgres/driver.ts";
import type { PostgresDriverOptions } from "../src/drivers/postgres/driver-options.ts";
import { openSocket } from "../src/drivers/postgres/open-socket.ts";
import { startPeer } from "./peer.ts";
import { hasPgBouncer, startPgBouncer } from "./pgbouncer.ts";
import { postgresLocation } from "./postgres-location.ts";

let pair: ReplicatedPostgres;

beforeAll(async () => {
  pair = await startReplicatedPostgres();
  await using database = await openDatabase(pair.primary.url);
  await database.migrate();
});
afterAll(() => pair[Symbol.asyncDispose]());

/** The URL of the database `postgres` on the servers at `urls`, with the password of the server at `of`. */
function severalUrl(urls: readonly string[], parameters = "", of = pair.primary.url): string {
  const { username, password, pathname } = new URL(of);
  const hosts = urls.map((url) => new URL(url).host).join(",");
  return `postgres://${username}:${password}@${hosts}${pathname}${parameters && `?${parameters}`}`;
}

const portOf = (url: string) => Number(new URL(url).port);

/** The port that the driver's connections lead to. */
async function portServed(driver: PostgresDriver): Promise<number> {
  const { rows } = await driver.execute("select inet_server_port()", []);
  return Number(rows[0]?.[0]);
}

async function withDriver<Result>(
  url: string,
  work: (driver: PostgresDriver) => Promise<Result>,
  options?: PostgresDriverOptions,
): Promise<Result> {
  const driver = postgresDriver(postgresLocation(url), options);
  try {
    return await work(driver);
  } finally {
    await driver.close();
  }
}

describe("of a primary and its standby", () => {
  const expectations: readonly [TargetSession, "primary" | "standby"][] = [
    ["any", "standby"],
    ["read-write", "primary"],
    ["read-only", "standby"],
    ["primary", "primary"],
    ["standby", "standby"],
    ["prefer-standby", "standby"],
  ];

  test.each(expectations)("target_session_attrs=%s is the %s", async (target, role) => {
    const url = severalUrl([pair.standby.url, pair.primary.url], `target_session_attrs=${target}`);
    await withDriver(url, async (driver) => {
      expect(await portServed(driver)).toBe(portOf(pair[role].url));
      expect(driver.address.port).toBe(portOf(pair[role].url));
      expect(driver.description).toBe(`PostgreSQL at ${new URL(pair[role].url).host}/postgres`);
    });
  });

  test.skipIf(!hasPgBouncer).each(expectations)("behind PgBouncer, too, %s is the %s", async (target, role) => {
    await using standby = await startPgBouncer(pair.standby.url, "transaction");
    await using primary = await startPgBouncer(pair.primary.url, "transaction");
    const url = severalUrl([standby.url, primary.url], `target_session_attrs=${target}`);
    await withDriver(url, async (driver) => expect(await portServed(driver)).toBe(portOf(pair[role].url)), {
      prepare: false,
    });
  });

  test("load_balance_hosts=random uses both", async () => {
    const url = severalUrl([pair.standby.url, pair.primary.url], "load_balance_hosts=random");
    const ports = new Set<number>();
    for (let count = 0; count < 40 && ports.size < 2; count++) {
      ports.add(await withDriver(url, portServed));
    }
    expect(ports).toEqual(new Set([portOf(pair.primary.url), portOf(pair.standby.url)]));
  });

  test("a write that a standby refuses finds the primary for the next one, with any session allowed", async () => {
    const url = severalUrl([pair.standby.url, pair.primary.url]);
    await using database = await openDatabase(url);
    const { users } = createDaoServices(database);
    expect(database.description).toContain(`:${portOf(pair.standby.url)}/`);
    await expect(users.createUser(makeUserData())).rejects.toMatchObject({ code: "unavailable" });
    await users.createUser(makeUserData());
    expect(database.description).toContain(`:${portOf(pair.primary.url)}/`);
  });

  test("so does the readiness check", async () => {
    await using database = await openDatabase(severalUrl([pair.standby.url, pair.primary.url]));
    await expect(database.checkReady()).rejects.toMatchObject({ code: "unavailable" });
    await expect
      .poll(() =>
        database.checkReady().then(
          () => "ready",
          () => "not ready",
        ),
      )
      .toBe("ready");
  });

  test("a primary that stops to accept writes: its connections are replaced by those of another that does", async () => {
    await using other = await startReplicatedPostgres();
    const url = severalUrl([pair.primary.url, other.primary.url], "target_session_attrs=read-write");
    const admins = [pair.primary.url, other.primary.url].map((each) => postgres(each, { max: 1, onnotice: () => {} }));
    const [admin, otherAdmin] = admins;
    if (admin === undefined || otherAdmin === undefined) throw new Error("There are two.");
    await otherAdmin.unsafe(`alter user postgres password '${new URL(pair.primary.url).password}'`);
    const setReadOnly = (value: "on" | "off") =>
      admin
        .unsafe(`alter system set default_transaction_read_only = ${value}`)
        .then(() => admin`select pg_reload_conf()`);
    for (const each of admins) await each`create table notes (note text)`;
    await withDriver(url, async (driver) => {
      const write = () => driver.execute("insert into notes values ('x') returning inet_server_port()", []);
      // Connections that were opened a moment ago are not replaced.
      await Promise.all(Array.from({ length: 30 }, write));
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await setReadOnly("on");
      try {
        await expect
          .poll(() =>
            write().then(
              ({ rows }) => rows[0]?.[0],
              () => undefined,
            ),
          )
          .toBe(portOf(other.primary.url));
        const ports = await Promise.all(Array.from({ length: 30 }, () => portServed(driver)));
        expect(new Set(ports)).toEqual(new Set([portOf(other.primary.url)]));
      } finally {
        await setReadOnly("off");
        for (const each of admins) await each`set default_transaction_read_only = off`;
        for (const each of admins) await each`drop table notes`;
        for (const each of admins) await each.end();
      }
    });
  });

  test("a cancel request goes to the server of its connection", async () => {
    const url = severalUrl([pair.standby.url, pair.primary.url], "target_session_attrs=primary");
    await withDriver(url, async (driver) => {
      await expect(
        driver.execute("select pg_sleep(20)", [], { signal: AbortSignal.timeout(300) }),
      ).rejects.toMatchObject({ name: "TimeoutError" });
      const sleeping = "select 1 from pg_stat_activity where query = 'select pg_sleep(20)'";
      await expect.poll(async () => (await driver.execute(sleeping, [])).rows.length).toBe(0);
    });
  });
});

test("a cancel request goes to the address of its connection, of those that a name may have", async () => {
  const { hostname: host, port } = new URL(pair.primary.url);
  const location = postgresLocation(pair.primary.url);
  const asked = vi.fn((signal?: AbortSignal, address = host) =>
    openSocket({
      host: address,
      port: Number(port),
      tls: { mode: "disable" },
      connectTimeout: 5_000,
      keepAlive: 0,
      signal,
    }),
  );
  const connection = await PostgresConnection.open(
    {
      server: location.servers[0],
      login: location,
      parameters: {},
      prepare: true,
      connectTimeout: 5_000,
      responseTimeout: 0,
      script: "select 1",
      openSocket: asked,
    },
    { onLost: () => undefined, onRefused: (_, error) => error },
    new AbortController().signal,
  );
  await expect(connection.execute("select pg_sleep(20)", [], AbortSignal.timeout(100))).rejects.toThrow();
  expect(asked.mock.lastCall).toEqual([undefined, "127.0.0.1"]);
});

describe("a server that cannot be used", () => {
  /** Each listens on an address of its own, and does what servers in trouble do. */
  const troubles: Readonly<Record<string, () => Promise<{ port: number; close(): Promise<unknown> }>>> = {
    "is not there": async () => ({ port: await findFreePort(), close: async () => undefined }),
    "is one that hangs in the login": () => startPeer(() => undefined),
    "closes the connection in the login": () => startPeer((socket) => socket.destroy()),
    "is starting up": () => startPeer((socket) => socket.end(errorMessage("57P03", "starting up"))),
    "has no connection to spare": () => startPeer((socket) => socket.end(errorMessage("53300", "too many"))),
    "speaks another protocol": () => startPeer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    "accepts no connection, as it drops SYN": fullBacklog,
  };

  test.each(Object.entries(troubles))("%s: the next one is taken, within a share of the time", async (_, start) => {
    const trouble = await start();
    try {
      const url = severalUrl([`postgres://127.0.0.1:${trouble.port}`, pair.primary.url], "sslmode=disable");
      await withDriver(
        url,
        async (driver) => {
          expect(await portServed(driver)).toBe(portOf(pair.primary.url));
          expect(await portServed(driver)).toBe(portOf(pair.primary.url));
        },
        { connectTimeout: 2_000 },
      );
    } finally {
      await trouble.close();
    }
  });

  test("and none that can: each is named with its reason", async () => {
    const [free, starting] = [
      await findFreePort(),
      await startPeer((socket) => socket.end(errorMessage("57P03", "x"))),
    ];
    const url = `postgres://u@127.0.0.1:${free},127.0.0.1:${starting.port}/db?sslmode=disable`;
    await expect(openDatabase(url)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(
        new RegExp(
          `127.0.0.1:${free}: connect ECONNREFUSED|127.0.0.1:${free}.*127.0.0.1:${starting.port}: The server is starting`,
        ),
      ),
    });
    await starting.close();
  });

  test("with a wrong password: the second one is not tried", async () => {
    const second = await startPeer((socket) => socket.destroy());
    const url = new URL(pair.primary.url);
    const wrong = `postgres://postgres:wrong@${url.host},127.0.0.1:${second.port}/postgres?sslmode=disable`;
    await expect(openDatabase(wrong)).rejects.toThrow(
      new RegExp(`${url.host}: The database refused the login\\.[^:]*$`),
    );
    await second.close();
  });
});

describe("a primary that is lost", () => {
  test("behind a network that drops everything: the pool moves to the one that takes over", async () => {
    await using own = await startReplicatedPostgres();
    await using network = await faultyNetwork(own.primary.url);
    const setup = await openDatabase(own.primary.url);
    await setup.migrate();
    await setup.close();
    const url = severalUrl([network.url, own.standby.url], "target_session_attrs=read-write", own.primary.url);
    const times = { connectTimeout: 1_000, statementTimeout: 500, acquireTimeout: 5_000 };
    await using database: Database = await openDatabase(url, { ...times, poolSize: 4 });
    const { users } = createDaoServices(database);
    const create = () =>
      users.createUser(makeUserData()).then(
        () => "written",
        () => "failed",
      );
    expect(await Promise.all(Array.from({ length: 8 }, create))).toEqual(Array(8).fill("written"));
    network.freeze();
    const admin = postgres(own.standby.url, { max: 1, onnotice: () => {} });
    const [promoted] = await admin`select pg_promote()`;
    expect(promoted).toEqual({ pg_promote: true });
    await expect.poll(create).toBe("written");
    await expect.poll(() => Promise.all(Array.from({ length: 8 }, create))).toEqual(Array(8).fill("written"));
    await DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()));
    expect(database.description).toContain(`:${portOf(own.standby.url)}/`);
    await admin.end();
  });

  test.each([
    ["go on at the one that takes over", false],
    ["are told that their cursor has expired if that never had what they were told", true],
  ])("followers %s", async (_, isBehind) => {
    await using own = await startReplicatedPostgres();
    await using network = await faultyNetwork(own.primary.url);
    const url = severalUrl([network.url, own.standby.url], "target_session_attrs=read-write", own.primary.url);
    await using database = await openDatabase(url, { connectTimeout: 1_000, statementTimeout: 500 });
    await database.migrate({ changes: true });
    const { users, changes } = createDaoServices(database);
    const told: (string | null)[] = [];
    const following = (async () => {
      for await (const { id } of changes.followChanges({ cursor: "start" })) told.push(id);
    })();
    const ended = following.then(
      () => "at the close",
      (error: unknown) => isDaoError(error) && error.code,
    );
    const ids = [(await users.createUser(makeUserData())).id];
    await expect.poll(() => told).toEqual(ids);
    const admin = postgres(own.standby.url, { max: 1, onnotice: () => {} });
    const standby = await openDatabase(own.standby.url, { readOnly: true });
    await standby.waitForPosition(await database.position());
    await standby.close();
    if (isBehind) {
      await admin`alter system set primary_conninfo to ''`;
      await admin`select pg_reload_conf()`;
      await expect.poll(() => admin`select from pg_stat_wal_receiver`).toEqual([]);
      ids.push((await users.createUser(makeUserData())).id);
      await expect.poll(() => told).toEqual(ids);
    }
    network.freeze();
    await admin`select pg_promote()`;
    await admin.end();
    if (isBehind) expect(await ended).toBe("cursor_expired");
    else {
      const create = () => users.createUser(makeUserData()).catch(() => undefined);
      for (let user = await create(); ; user = await create()) {
        if (user === undefined) continue;
        await expect.poll(() => told).toEqual([...ids, user.id]);
        break;
      }
      await database.close();
      expect(await ended).toBe("at the close");
    }
  });
});

/** An ErrorResponse. */
function errorMessage(code: string, text: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
  const head = Buffer.alloc(5, "E");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** A server that accepts nothing, and whose queue of connections is full, so that the system ignores further ones. */
async function fullBacklog() {
  const worker = new Worker(
    `const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       require("node:worker_threads").parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const [port]: number[] = await once(worker, "message");
  const fillers = Array.from({ length: 4 }, () => connect(port ?? 0, "127.0.0.1").on("error", () => undefined));
  await Promise.race(fillers.map((socket) => once(socket, "connect")));
  const close = async () => {
    for (const socket of fillers) socket.destroy();
    await worker.terminate();
  };
  return { port: port ?? 0, close };
}
