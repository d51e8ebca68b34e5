import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { createDaoServices, DaoUnitOfWork, joinPgPool, openDatabase, UnavailableError } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { faultyNetwork } from "../../../test/faulty-network.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { openPool } from "./pg-pool.ts";
import { postgresLocation } from "./postgres-location.ts";
import { TransactionPooler } from "./transaction-pooler.ts";

let testDatabase: TestDatabase;
let admin: postgres.Sql;
const uncaught: unknown[] = [];
const catchUncaught = (error: unknown) => uncaught.push(error);
beforeAll(async () => {
  process.on("unhandledRejection", catchUncaught);
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  admin = postgres(testDatabase.url, { max: 1 });
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await admin.end();
  await testDatabase.drop();
  process.off("unhandledRejection", catchUncaught);
  expect(uncaught).toEqual([]);
});

/** Opens this number of connections of a pool and leaves them idle, all of them logged in. */
async function warmUp(database: TestDatabase["database"], count: number): Promise<void> {
  let begun = 0;
  let release = () => {};
  const allBegun = new Promise<void>((resolve) => {
    release = resolve;
  });
  const work = () => {
    if (++begun === count) release();
    return allBegun;
  };
  await Promise.all(Array.from({ length: count }, () => DaoUnitOfWork.run(database, work)));
}

/** From now on the process's clock is ahead by this number of milliseconds, but its timers are not. */
function passTime(milliseconds: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + milliseconds);
}

describe("a peer that accepts connections and closes them", () => {
  test.each(["end", "resetAndDestroy"] as const)("by %s: opening fails at once with the cause", async (how) => {
    let accepted = 0;
    const server = createServer((socket) => {
      accepted++;
      socket.on("error", () => undefined);
      socket[how]();
    });
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    const opening = openDatabase(`postgres://ada@127.0.0.1:${port}/flux`);
    await expect(opening).rejects.toBeInstanceOf(UnavailableError);
    await expect(opening).rejects.toThrow(/closed the connection before the login/);
    expect(accepted).toBe(1);
    server.close();
  });

  test("gets few connection attempts, however many callers there are, and is used again once it recovers", async () => {
    await using network = await faultyNetwork(testDatabase.url);
    await using database = await openDatabase(network.url, { poolSize: 5 });
    await network.leave();
    await network.comeBack();
    network.refuse();
    const begun = network.begun;
    const end = performance.now() + 2_000;
    while (performance.now() < end) {
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => database.users.list()));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: "unavailable" } });
    }
    expect(network.begun - begun).toBeLessThan(20);
    network.accept();
    // The backoff is at most a second.
    await expect
      .poll(
        () =>
          database.users.list().then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
  });
});

describe("connections that were lost unnoticed", () => {
  test("when one is found dead, the other idle ones are tested at once", async () => {
    await using network = await faultyNetwork(testDatabase.url);
    // No less, since the other calls must be done within it.
    await using database = await openDatabase(network.url, { poolSize: 5, statementTimeout: 1_000 });
    await warmUp(database, 5);
    network.freezeOpen();
    await expect(database.users.list()).rejects.toBeInstanceOf(UnavailableError);
    const calls = Array.from({ length: 40 }, () => database.users.list());
    for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ status: "fulfilled" });
  });

  test("one that was idle for long is tested before it is used, so that no call runs into its time-out", async () => {
    await using network = await faultyNetwork(testDatabase.url);
    await using database = await openDatabase(network.url, { poolSize: 5 });
    await warmUp(database, 5);
    network.freezeOpen();
    passTime(60_000);
    // A write and a unit of work: neither may be sent twice.
    await database.users.create(makeUserData());
    await DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()));
  });

  test("connections are closed after idleTimeout, or at maxLifetime", async () => {
    for (const options of [{ idleTimeout: 50 }, { maxLifetime: 50 }]) {
      const applicationName = `aged ${Object.keys(options)}`;
      await using database = await openDatabase(testDatabase.url, { poolSize: 3, applicationName, ...options });
      await warmUp(database, 3);
      const count = () => admin`select from pg_stat_activity where application_name = ${applicationName}`;
      await expect.poll(async () => (await count()).length).toBe(0);
      await database.users.list();
    }
  });

  test("a transaction continues although its connection has reached maxLifetime", async () => {
    await using database = await openDatabase(testDatabase.url, { poolSize: 1, maxLifetime: 20 });
    await DaoUnitOfWork.run(database, async (uow) => {
      const user = await uow.users.create(makeUserData());
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(await uow.users.findById(user.id)).toEqual(user);
    });
  });
});

describe("a server that accepts fewer connections than the pool size", () => {
  const withRole = (name: string) => {
    const url = new URL(testDatabase.url);
    [url.username, url.password] = [name, "secret"];
    return url.href;
  };
  beforeAll(async () => {
    await admin.unsafe(`create role few login password 'secret' connection limit 3; grant all on all tables in schema public to few;
      create role shut_out login password 'secret' connection limit 0; create role kept_out login password 'secret';
      revoke connect on database ${new URL(testDatabase.url).pathname.slice(1)} from public`);
  });
  afterAll(async () => {
    await admin`select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename in ('few', 'shut_out', 'kept_out')`;
    await admin.unsafe("drop owned by few, shut_out; drop role few, shut_out, kept_out");
  });

  test("callers wait for the existing ones", async () => {
    await admin.unsafe(`grant connect on database ${new URL(testDatabase.url).pathname.slice(1)} to few, shut_out`);
    await using database = await openDatabase(withRole("few"), { poolSize: 10 });
    const created = Array.from({ length: 60 }, () =>
      DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData())),
    );
    expect(await Promise.all(created)).toHaveLength(60);
  });

  test("a caller that waits in vain gets the reason", async () => {
    await using database = await openDatabase(withRole("few"), { poolSize: 10, acquireTimeout: 2_000 });
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held: Promise<void>[] = [];
    for (let count = 0; count < 3; count++) {
      await new Promise<void>((begun) => {
        held.push(
          DaoUnitOfWork.run(database, () => {
            begun();
            return released;
          }),
        );
      });
    }
    const late = database.users.list();
    await expect(late).rejects.toBeInstanceOf(UnavailableError);
    await expect(late).rejects.toThrow(/no more than 3 connections/);
    release();
    await Promise.all(held);
  });

  test("if it accepts none, the error says so, and not that the server is unreachable", async () => {
    const opening = openDatabase(withRole("shut_out"));
    await expect(opening).rejects.toBeInstanceOf(UnavailableError);
    await expect(opening).rejects.toThrow(/has no connection to spare/);
  });

  test("a role that may not connect gets its own error too", async () => {
    const opening = openDatabase(withRole("kept_out"));
    await expect(opening).rejects.toThrow(/lacks a privilege/);
  });
});

describe("a read-only server", () => {
  test("is unavailable for writes, reads continue, and so do writes once it accepts them, on the same database", async () => {
    const name = new URL(testDatabase.url).pathname.slice(1);
    await using database = await openDatabase(testDatabase.url, { poolSize: 3 });
    await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    await admin`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
    const write = () => database.users.create(makeUserData());
    const isRefused = async () => {
      const refused = write();
      await expect(refused).rejects.toBeInstanceOf(UnavailableError);
      return refused.catch(({ message }: Error) => /takes no writes/.test(message));
    };
    // The first ones may get connections that were terminated.
    await expect.poll(isRefused, { timeout: 10_000 }).toBe(true);
    await warmUp(database, 3);
    await expect(DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()))).rejects.toThrow(
      /takes no writes/,
    );
    await warmUp(database, 3);
    await admin.unsafe(`alter database ${name} reset default_transaction_read_only`);
    // Each of the three may be used once.
    const outcomes = [];
    for (let attempt = 0; attempt < 4; attempt++) outcomes.push(await write().then(() => "done", String));
    expect(outcomes.at(-1)).toBe("done");
  });

  test("is detected by checkReady, which then looks for another server", async () => {
    const name = new URL(testDatabase.url).pathname.slice(1);
    const pool = openPool(testDatabase.url, 2);
    for (const database of [await openDatabase(testDatabase.url, { poolSize: 3 }), joinPgPool(pool)]) {
      await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`);
      // Sessions that were opened before are not read-only.
      await admin`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`;
      const look = () => database.checkReady().then(() => "ready", String);
      await expect.poll(look, { timeout: 10_000 }).toContain("is read-only");
      await admin.unsafe(`alter database ${name} reset default_transaction_read_only`);
      // Only probes arrive, as behind a load balancer.
      await expect.poll(look, { timeout: 10_000 }).toBe("ready");
      await database.close();
    }
    await pool.end();
  });

  test("is not assumed after a write in the caller's own read-only unit of work", async () => {
    const { database } = testDatabase;
    const work = DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()), { readOnly: true });
    await expect(work).rejects.toMatchObject({ code: "unit_of_work_misused" });
  });
});

describe("prepared statements of a connection", () => {
  const prepared = "select name, statement from pg_prepared_statements";

  test("are bounded: the least recently used are deallocated, and prepared again when they are used again", async () => {
    const driver = postgresDriver(postgresLocation(testDatabase.url), { poolSize: 1 });
    const ask = (number: number) => driver.execute(`select $1::text || '${number}'`, ["it's "]);
    for (let round = 0; round < 2; round++) {
      for (let number = 0; number < 1_000; number++) {
        const { rows } = await ask(number);
        expect(rows).toEqual([[`it's ${number}`]]);
        await ask(-1);
      }
      const { rows } = await driver.execute(prepared, []);
      expect(rows.length).toBeLessThanOrEqual(257);
      expect(rows.filter(([, statement]) => String(statement).includes("'-1'"))).toHaveLength(1);
    }
    await driver.close();
  });

  test("are deallocated after a transaction, not within it", async () => {
    const driver = postgresDriver(postgresLocation(testDatabase.url), { poolSize: 1 });
    await driver.transaction(async (transaction) => {
      for (let number = 0; number < 600; number++) await transaction.execute(`select $1::text || '${number}'`, ["x"]);
    });
    await driver.execute("select 1", []);
    const { rows } = await driver.execute(prepared, []);
    expect(rows.length).toBeLessThanOrEqual(257);
    await driver.close();
  });
});

describe("a proxy that loses what is sent before the last response", () => {
  test.each([1, 2, undefined])(
    "gets as many statements at a time as pipelineDepth permits: %s",
    async (pipelineDepth) => {
      await using pooler = await TransactionPooler.start(testDatabase.url);
      const options = { poolSize: 2, prepare: false, pipelineDepth };
      await using database = await openDatabase(pooler.through(testDatabase.url), options);
      const { users, batch } = createDaoServices(database);
      await Promise.all([
        ...Array.from({ length: 20 }, () => database.users.list()),
        ...Array.from({ length: 20 }, () => users.createUser(makeUserData())),
        ...Array.from({ length: 20 }, () => database.users.findById(randomUUID())),
        ...Array.from({ length: 5 }, () =>
          DaoUnitOfWork.run(database, (uow) => Promise.all([uow.users.list(), uow.users.create(makeUserData())])),
        ),
        batch([
          ["users.createUser", makeUserData()],
          ["users.createUser", makeUserData()],
        ]),
      ]);
      expect(pooler.deepest).toBe(pipelineDepth ?? 8);
    },
  );
});
