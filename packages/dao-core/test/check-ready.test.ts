import { DaoUnitOfWork, type Database, joinHost, joinPgPool, openDatabase, type SqlDriver } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { openPool } from "./pg-pool.ts";
import { postgresLocation } from "./postgres-location.ts";

const POOL_SIZE = 2;

let testDatabase: TestDatabase;
let sql: postgres.Sql;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(testDatabase.url, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await sql.end();
  await testDatabase.drop();
});

test("diagnose() says that a server is too old", async () => {
  const driver = postgresDriver(postgresLocation(testDatabase.url), { poolSize: 1 });
  const old: SqlDriver = {
    description: driver.description,
    isTransaction: false,
    close: () => driver.close(),
    transaction: (work, options) => driver.transaction(work, options),
    execute: async (text, parameters, options) =>
      text.includes("server_version") ? { rows: [["14.23"]] } : driver.execute(text, parameters, options),
  };
  const database = joinHost(old);
  expect(await database.diagnose()).toContainEqual({
    name: "server",
    ok: false,
    message: "PostgreSQL 14.23 is older than 15, the oldest that is supported. Upgrade it.",
  });
  await database.close();
});

/** The connections of `database`, once those that are closing are gone. */
async function connections(name: string): Promise<number> {
  const [row] = await sql`select count(*)::int as count from pg_stat_activity where application_name = ${name}`;
  return row?.["count"];
}

/** Runs `work` while every connection of `database` waits for a lock on `users`, and more callers are queued. */
async function whileBusy(database: Database, work: () => Promise<void>): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  await sql.begin(async (locked) => {
    await locked`lock table users in access exclusive mode`;
    const write = () => DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()));
    waiting.push(...Array.from({ length: POOL_SIZE * 3 }, write));
    await expect
      .poll(async () => {
        const waiting = await sql`select from pg_locks where not granted and relation = 'users'::regclass
          and database = (select oid from pg_database where datname = current_database())`;
        return waiting.length;
      })
      .toBe(POOL_SIZE);
    await work();
  });
  await Promise.all(waiting);
}

describe("a database whose pool is busy is ready", { timeout: 120_000 }, () => {
  test("a pool of our own: the probe opens one extra connection, and closes it", async () => {
    // None of which the writes may reach, however long the probes take.
    const limits = { lockTimeout: 0, statementTimeout: 0, acquireTimeout: 120_000 };
    const options = { poolSize: POOL_SIZE, applicationName: "busy-pool", ...limits };
    await using database = await openDatabase(testDatabase.url, options);
    await whileBusy(database, async () => {
      for (let look = 0; look < 3; look++) await database.checkReady({ signal: AbortSignal.timeout(1_500) });
      await expect.poll(() => connections("busy-pool")).toBe(POOL_SIZE);
    });
    await database.checkReady();
    expect(await connections("busy-pool")).toBe(POOL_SIZE);
  });

  test("an application's pg.Pool", async () => {
    const pool = openPool(testDatabase.url, POOL_SIZE, { application_name: "busy-pg" });
    const database = joinPgPool(pool);
    await whileBusy(database, async () => {
      for (let look = 0; look < 3; look++) await database.checkReady({ signal: AbortSignal.timeout(1_500) });
      await expect.poll(() => connections("busy-pg")).toBe(POOL_SIZE);
    });
    await pool.end();
  });

  test("an embedded database whose only connection is in a transaction", async () => {
    await using database = await openDatabase("memory://");
    await database.migrate();
    await database.checkReady();
    await DaoUnitOfWork.run(database, async (uow) => {
      await uow.users.create(makeUserData());
      await database.checkReady({ signal: AbortSignal.timeout(1_500) });
    });
  });

  test("also if the server accepts no more connections, if it was ready before", async () => {
    const url = new URL(testDatabase.url);
    await sql.unsafe(`create role limited login password 'limited' connection limit ${POOL_SIZE};
      grant all on all tables in schema public to limited`);
    [url.username, url.password] = ["limited", "limited"];
    try {
      await using database = await openDatabase(url.href, { poolSize: POOL_SIZE });
      await whileBusy(database, async () => {
        await expect(database.checkReady({ signal: AbortSignal.timeout(1_500) })).rejects.toMatchObject({
          code: "unavailable",
        });
      });
      await database.checkReady();
      await whileBusy(database, () => database.checkReady({ signal: AbortSignal.timeout(1_500) }));
    } finally {
      await sql.unsafe("drop owned by limited; drop role limited");
    }
  });
});
