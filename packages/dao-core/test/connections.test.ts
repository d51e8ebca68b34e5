import { DaoUnitOfWork, openDatabase, UnavailableError, ValidationError } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { faultyNetwork } from "../../../test/faulty-network.ts";
import { type PostgresDriver, postgresDriver } from "../src/drivers/postgres/driver.ts";
import type { PostgresDriverOptions } from "../src/drivers/postgres/driver-options.ts";
import { postgresLocation } from "./postgres-location.ts";

let testDatabase: TestDatabase;
const uncaught: unknown[] = [];
const catchUncaught = (error: unknown) => uncaught.push(error);
beforeAll(async () => {
  process.on("unhandledRejection", catchUncaught);
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(async () => {
  await testDatabase.drop();
  process.off("unhandledRejection", catchUncaught);
  expect(uncaught).toEqual([]);
});

function openDriver(url: string, options: PostgresDriverOptions): PostgresDriver {
  return postgresDriver(postgresLocation(url), options);
}

describe("a connection", () => {
  test("that was cancelled is not reused, so that a late cancel has no effect", async () => {
    const driver = openDriver(testDatabase.url, { poolSize: 1 });
    const others: unknown[] = [];
    for (let round = 0; round < 300; round++) {
      const controller = new AbortController();
      const aborted = driver.execute("select 1", [], { signal: controller.signal }).catch(() => undefined);
      setTimeout(() => controller.abort(), Math.random() * 2);
      await aborted;
      await driver.execute("select pg_sleep(0.001)", []).catch((error: unknown) => others.push(error));
    }
    expect(others).toEqual([]);
    await driver.close();
  });

  test("that is busy is waited for until acquireTimeout or the signal", async () => {
    const driver = openDriver(testDatabase.url, { poolSize: 1, acquireTimeout: 500 });
    // On a busy machine opening a connection may take longer than the time-out: this one is open.
    await expect
      .poll(() =>
        driver.execute("select 1", []).then(
          ({ rows }) => rows.length,
          () => 0,
        ),
      )
      .toBe(1);
    const slow = driver.execute("select pg_sleep(2)", []);
    const work = async () => "served";
    await expect(driver.transaction(work)).rejects.toBeInstanceOf(UnavailableError);
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = driver.transaction(work, { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await slow;
    expect(await driver.transaction(work)).toBe("served");
    await driver.close();
  });
});

describe("a server that hangs", () => {
  test("an abort rejects with its reason, though the server neither responds nor cancels", async () => {
    await using network = await faultyNetwork(testDatabase.url);
    const database = await openDatabase(network.url, { poolSize: 1 });
    network.freeze();
    const reason = new Error("enough");
    const controller = new AbortController();
    const call = database.users.list({}, { signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await database.close(0);
  });

  test("an abort while the server refuses the connection for a cancel leaves no unhandled rejection", async () => {
    await using network = await faultyNetwork(testDatabase.url);
    const driver = openDriver(network.url, { poolSize: 1 });
    await driver.execute("select 1", []);
    const controller = new AbortController();
    const call = driver.execute("select pg_sleep(30)", [], { signal: controller.signal });
    network.refuse();
    controller.abort();
    await expect(call).rejects.toThrow(/abort/i);
    await driver.close(0);
  });

  test("every call ends: a statement and a unit of work without a response reject as unavailable or lost", async () => {
    await using network = await faultyNetwork(testDatabase.url);
    const database = await openDatabase(network.url, { poolSize: 2, statementTimeout: 100 });
    await Promise.all([database.users.list(), database.users.list()]);
    network.freeze();
    const calls = [
      database.users.list(),
      database.users.create(makeUserData()),
      DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData())),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: /unavailable|transaction_lost/ } });
    }
    await database.close(0);
  });

  test("a statement that may run longer is not mistaken for a hang", async () => {
    const driver = openDriver(testDatabase.url, { poolSize: 1, statementTimeout: 100 });
    const slow = driver.transaction((transaction) => transaction.execute("select pg_sleep(2.5)", []), {
      statementTimeout: 0,
    });
    expect((await slow).rows).toHaveLength(1);
    await driver.close();
  });
});

test("a process that was busy itself for longer than that mistakes nothing for a hang", async () => {
  const driver = openDriver(testDatabase.url, { poolSize: 1, statementTimeout: 1_000 });
  const sleep = () => driver.execute("select pg_sleep(0.3)", []);
  await sleep(); // Prepared: the others are pipelined at once.
  const calls = Array.from({ length: 11 }, sleep);
  // The immediates are followed by the timers, and only then by what has arrived.
  setTimeout(() => {
    setImmediate(() => {
      for (const begin = Date.now(); Date.now() - begin < 3_100; );
    });
  }, 10);
  for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ status: "fulfilled" });
  await driver.close();
});

describe("settings of others", () => {
  test("a database whose encoding cannot hold all text is diagnosed", async () => {
    const admin = postgres(inject("adminUrl"), { max: 1 });
    await admin.unsafe("create database flux_ascii encoding 'SQL_ASCII' locale 'C' template template0");
    try {
      await using database = await openDatabase(new URL("/flux_ascii", inject("adminUrl")).href);
      const findings = await database.diagnose();
      expect(findings.find(({ name }) => name === "server")?.message).toMatch(/encoding SQL_ASCII/);
    } finally {
      await admin.unsafe("drop database flux_ascii with (force)");
      await admin.end();
    }
  });

  test("a database's array_nulls makes no text of NULL", async () => {
    await using own = await createTestDatabase({ serverUrl: inject("adminUrl") });
    const admin = postgres(own.url, { max: 1 });
    await admin.unsafe(`alter database ${new URL(own.url).pathname.slice(1)} set array_nulls = off`);
    await admin.end();
    await using database = await openDatabase(own.url, { prepare: true });
    const user = await database.users.create(makeUserData());
    const goal = await database.goals.create({ userId: user.id, title: "x" });
    const owners = { userId: user.id, goalId: goal.id };
    const { id } = await database.tasks.create({ ...owners, title: "x", calendarEventId: "x" });
    const [changed] = await database.tasks.updateMany([{ id, calendarEventId: null }]);
    expect(changed?.calendarEventId).toBeNull();
    expect(await database.tasks.createMany([{ ...owners, title: "x" }])).toBe(1);
  });

  test.each([
    ["poolSize", 0],
    ["poolSize", Number.NaN],
    ["statementTimeout", -1],
    ["acquireTimeout", 1.5],
    ["acquireTimeout", 0],
    ["maxWaiting", 0],
  ])("%s of %d is rejected by name", async (option, value) => {
    const opening = openDatabase(testDatabase.url, { [option]: value });
    await expect(opening).rejects.toBeInstanceOf(ValidationError);
    await expect(opening).rejects.toThrow(option);
  });

  test("a parameter of the URL that the server does not know is reported as the URL's", async () => {
    const opening = openDatabase(`${testDatabase.url}?foo=bar`);
    await expect(opening).rejects.toBeInstanceOf(ValidationError);
  });
});

test("a write that waits for a lock blocks no read", async () => {
  await using database = await openDatabase(testDatabase.url, { poolSize: 4 });
  const user = await database.users.create(makeUserData());
  await using others = await openDatabase(testDatabase.url, { poolSize: 1 });
  await DaoUnitOfWork.run(others, async (uow) => {
    await uow.users.update(user.id, { name: "held" });
    const write = database.users.update(user.id, { name: "late" });
    // More concurrent writes than connections, repeatedly.
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 20 }, () => database.users.findById(user.id)));
    }
    await expect(Promise.race([write, Promise.resolve("still waits")])).resolves.toBe("still waits");
    write.catch(() => undefined);
  });
});
