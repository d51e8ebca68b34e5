import {
  createDaoServices,
  DaoUnitOfWork,
  joinDrizzle,
  joinPgPool,
  TransactionLostError,
  UnavailableError,
  UnitOfWorkMisuseError,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { pgPoolDriver } from "../src/drivers/pg.ts";

let testDatabase: TestDatabase;
let pool: pg.Pool;
let lostWhileIdle: Error[];

beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
});
afterAll(() => testDatabase.drop());

beforeEach(() => {
  pool = openPool();
  lostWhileIdle = [];
});
afterEach(() => pool.end());

function openPool(options: pg.PoolConfig = {}): pg.Pool {
  const opened = new pg.Pool({ connectionString: testDatabase.url, max: 2, ...options });
  opened.on("error", (error) => lostWhileIdle.push(error));
  return opened;
}

const usersWith = async (email: string) => (await testDatabase.database.users.list({ email })).total;
const preparedNames = async () => {
  const { rows } = await pool.query<{ name: string }>("select name from pg_prepared_statements");
  return rows.map(({ name }) => name);
};

describe("a backend killed inside a transaction", () => {
  const kill = (pid: number | undefined) => pool.query("select pg_terminate_backend($1)", [pid]);
  const checkedOut = () => {
    const pids: (number | undefined)[] = [];
    pool.on("acquire", (client) => pids.push(Number(Reflect.get(client, "processID"))));
    return pids;
  };

  test("leaves nothing behind, and no statement of the transaction runs elsewhere", async () => {
    const [first, second] = [makeUserData(), makeUserData()];
    const [pids, dropped] = [checkedOut(), new Set<unknown>()];
    pool.on("remove", (client) => dropped.add(Reflect.get(client, "processID")));
    const run = DaoUnitOfWork.run(joinPgPool(pool), async (uow) => {
      await uow.users.create(first);
      await kill(pids[0]);
      await uow.users.create(second);
    });
    await expect(run).rejects.toThrow(TransactionLostError);
    await expect(run).rejects.toMatchObject({ outcome: "rolled_back" });
    expect([await usersWith(first.email), await usersWith(second.email)]).toEqual([0, 0]);
    expect(dropped).toContain(pids[0]);
    await createDaoServices(joinPgPool(pool)).users.createUser(first);
    expect(lostWhileIdle).toEqual([]);
  });

  test("while a statement runs: the transaction is lost as well", async () => {
    const data = makeUserData();
    const pids = checkedOut();
    const blocker = await pool.connect();
    await blocker.query("begin; lock table goals");
    const run = DaoUnitOfWork.run(joinPgPool(pool), async (uow) => {
      const user = await uow.users.create(data);
      const create = uow.goals.create({ userId: user.id, title: "Waits" });
      await Promise.all([create, blocker.query("select pg_terminate_backend($1)", [pids[1]])]);
    });
    await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "rolled_back" });
    await blocker.query("rollback");
    blocker.release();
    expect(await usersWith(data.email)).toBe(0);
  });
});

test("an application's pool is unchanged: its own parsers work, and it is not ended", async () => {
  const types: pg.CustomTypesConfig = {
    getTypeParser: (oid: number, format?: "text" | "binary") =>
      oid === 1184 ? () => "the host's" : pg.types.getTypeParser(oid, format ?? "text"),
  };
  await using hosts = Object.assign(openPool({ max: 1, types }), {
    async [Symbol.asyncDispose]() {
      await hosts.end();
    },
  });
  const settings = "select current_setting('TimeZone') || current_setting('search_path') as settings, now() as at";
  const before = await hosts.query(settings);
  const database = joinPgPool(hosts);
  const { users } = createDaoServices(database);
  const user = await users.createUser(makeUserData());
  expect((await users.getUser(user.id)).createdAt).toEqual(user.createdAt);
  await database.close();
  expect(hosts.listenerCount("error")).toBe(1);
  const after = await hosts.query(settings);
  expect(after.rows).toEqual(before.rows);
  expect(after.rows[0]).toMatchObject({ at: "the host's" });
});

test("instants are read correctly in any time zone of the application's", async () => {
  const elsewhere = openPool({ options: "-c TimeZone=Asia/Kolkata" });
  const user = await joinPgPool(elsewhere).users.create(makeUserData());
  await elsewhere.end();
  expect(await testDatabase.database.users.findById(user.id)).toEqual(user);
});

test("a statement that the database rejects costs no connection", async () => {
  const { users } = joinPgPool(pool);
  const data = makeUserData();
  let removed = 0;
  pool.on("remove", () => removed++);
  await users.create(data);
  await expect(users.create(data)).rejects.toMatchObject({ code: "conflict", field: "email" });
  expect({ removed, total: pool.totalCount }).toEqual({ removed: 0, total: 1 });
});

test("statements are prepared under one short name per text", async () => {
  const { users } = joinPgPool(pool);
  const { id } = await users.create(makeUserData());
  for (const _ of [1, 2, 3]) await users.findById(id);
  const names = await preparedNames();
  expect(names).toHaveLength(2);
  for (const name of names) expect(name).toMatch(/^flux_[\w-]{22}$/);
});

test("a client keeps at most 256 statements prepared, and one that was deallocated is prepared again", async () => {
  const driver = pgPoolDriver(pool);
  const select = async (number: number) => (await driver.execute(`select ${number}::int as number`, [])).rows[0]?.[0];
  for (let number = 0; number < 700; number++) expect(await select(number)).toBe(number);
  const names = await preparedNames();
  expect(names.length).toBeLessThanOrEqual(257);
  expect(names.length).toBeGreaterThan(100);
  expect([await select(0), await select(699), await select(0)]).toEqual([0, 699, 0]);
  expect(pool.totalCount).toBe(1);
});

test("in units of work, too, and in a single one", async () => {
  const driver = pgPoolDriver(pool);
  for (const perTransaction of [700, 20]) {
    for (let number = 0; number < 700; number += perTransaction) {
      await driver.transaction(async (transaction) => {
        for (let each = number; each < number + perTransaction; each++) {
          const { rows } = await transaction.execute(`select $1::int + ${each} as n${perTransaction}`, [1]);
          expect(rows).toEqual([[each + 1]]);
        }
        const { rows } = await transaction.execute("select count(*)::int as prepared from pg_prepared_statements", []);
        expect(rows[0]?.[0]).toBeLessThanOrEqual(256);
      });
    }
    expect((await preparedNames()).length).toBeLessThanOrEqual(256);
  }
  expect(pool.totalCount).toBe(1);
});

test("a client on which very many were prepared is replaced, since pg keeps a record of each", async () => {
  const driver = pgPoolDriver(pool);
  let removed = 0;
  pool.on("remove", () => removed++);
  for (let number = 0; removed === 0 && number < 8_000; number++)
    await driver.execute(`select ${number}::int as n`, []);
  expect(removed).toBe(1);
  expect((await driver.execute("select 1 as one", [])).rows).toEqual([[1]]);
});

test("with prepare: false nothing is prepared", async () => {
  const { users } = joinPgPool(pool, { prepare: false });
  const { id } = await users.create(makeUserData());
  expect(await users.findById(id)).toMatchObject({ id });
  expect(await preparedNames()).toEqual([]);
});

describe("a signal", () => {
  test("cancels the running statement, on the server too", async () => {
    const data = makeUserData();
    const { users } = joinPgPool(pool);
    await using blocker = await lockedUsers();
    const create = users.create(data, { signal: AbortSignal.timeout(100) });
    await expect(create).rejects.toMatchObject({ name: "TimeoutError" });
    const waiting = await pool.query("select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = $1", [
      new URL(testDatabase.url).pathname.slice(1),
    ]);
    expect(waiting.rowCount).toBe(0);
    await blocker.unlock();
    expect(await usersWith(data.email)).toBe(0);
  });

  test("ends the wait for a client, which returns to the pool when it arrives", async () => {
    const held = [await pool.connect(), await pool.connect()];
    const { users } = joinPgPool(pool);
    await expect(users.list({}, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ name: "TimeoutError" });
    for (const client of held) client.release();
    expect((await users.list()).page).toBe(1);
    expect([pool.idleCount, pool.waitingCount]).toEqual([2, 0]);
  });
});

test("a pool that is ended provides no connection", async () => {
  const ended = openPool();
  await ended.end();
  await expect(joinPgPool(ended).users.list()).rejects.toThrow(UnavailableError);
});

/** A table that no other session can write to until it is unlocked. */
async function lockedUsers(): Promise<AsyncDisposable & { unlock(): Promise<void> }> {
  const client = new pg.Client({ connectionString: testDatabase.url });
  await client.connect();
  await client.query("begin; lock table users");
  return {
    async unlock() {
      await client.query("rollback");
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

test("a database that joined the same pool is no other one within a unit of work: it would wait for its connection", async () => {
  const [joined, again, drizzled] = [joinPgPool(pool), joinPgPool(pool), joinDrizzle(drizzle(pool))];
  const data = makeUserData();
  await DaoUnitOfWork.run(joined, async (uow) => {
    await uow.users.create(data);
    for (const database of [again, drizzled]) {
      await expect(database.users.list()).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      const nested = DaoUnitOfWork.run(database, (inner) => inner.users.create(makeUserData()));
      await expect(nested).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    }
  });
  expect(await usersWith(data.email)).toBe(1);
});
