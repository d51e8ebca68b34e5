import { setTimeout as delay } from "node:timers/promises";
import {
  createDaoServices,
  DaoUnitOfWork,
  joinDrizzle,
  joinKysely,
  joinPgPool,
  UnavailableError,
} from "@flux/dao-core";
import { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from "@flux/dao-core/testing";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import { Kysely, PostgresDialect } from "kysely";
import postgres from "postgres";
import { afterEach, describe, expect, inject, test } from "vitest";
import { PausedImports, PausedSource, TASKS_OF_A_SOURCE } from "./paused-imports.ts";
import { openPool } from "./pg-pool.ts";

const POOL_SIZE = 8;
const AT_A_TIME = 2;

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function open(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const test = await createTestDatabase({
    serverUrl: inject("adminUrl"),
    poolSize: POOL_SIZE,
    // On a busy machine the last of ten imports waits long.
    acquireTimeout: 60_000,
    ...options,
  });
  opened.push(test.drop);
  return test;
}

const touched = (imports: readonly { source: PausedSource }[]) =>
  imports.map(({ source: { wasTouched } }) => wasTouched);

/** Rejects with the error of an import that fails before it pauses. */
const reached = (imports: readonly { source: PausedSource; done: Promise<unknown> }[]) =>
  Promise.all(imports.map(({ source, done }) => Promise.race([source.reached, done])));

/** Statements of other callers, for enough turns of the event loop that every import which can start has started. */
async function othersAreServed(imports: PausedImports): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 20 }, () => imports.written()));
  }
}

describe("imports with slow sources", () => {
  test("hold a quarter of the pool; the others are not read, and start in order", async () => {
    const { database, url } = await open();
    const imports = await PausedImports.on(database);
    const begun = imports.beginMany(10);
    await reached(begun.slice(0, AT_A_TIME));
    await othersAreServed(imports);
    expect(await openTransactions(url)).toBe(AT_A_TIME);
    // As many concurrent units of work as there are other connections.
    const users = await Promise.all(
      Array.from({ length: POOL_SIZE - AT_A_TIME }, () => DaoUnitOfWork.run(database, (uow) => uow.users.list())),
    );
    expect(users.map(({ items }) => items.length)).toEqual(users.map(() => 1));

    for (let ended = 0; ended < 10; ended++) {
      const served = Math.min(10, ended + AT_A_TIME);
      await reached(begun.slice(0, served));
      expect(touched(begun)).toEqual(begun.map((_, index) => index < served));
      const { source, done } = begun[ended] ?? expect.fail();
      if (ended % 2 === 0) {
        source.finish();
        expect(await done).toEqual({ createdCount: TASKS_OF_A_SOURCE });
      } else {
        source.fail(new Error("The source broke."));
        await expect(done).rejects.toThrow("The source broke.");
      }
    }
    expect(await imports.written()).toBe(5 * TASKS_OF_A_SOURCE);
  });

  test.each([1, 2, 3])("leave as much as possible of a pool of %i", async (poolSize) => {
    const { database } = await open({ poolSize });
    const imports = await PausedImports.on(database);
    const [first, second] = imports.beginMany(2);
    await first?.source.reached;
    if (poolSize > 1) await othersAreServed(imports);
    const written = imports.written();
    expect(second?.source.wasTouched).toBe(false);
    first?.source.finish();
    await first?.done;
    second?.source.finish();
    await Promise.all([second?.done, written]);
    expect(await imports.written()).toBe(2 * TASKS_OF_A_SOURCE);
  });

  test("a waiting one leaves the queue at its abort, its timeout and acquireTimeout, and its source is untouched", async () => {
    const { database } = await open({ poolSize: 1, acquireTimeout: 1_000 });
    const imports = await PausedImports.on(database);
    const first = imports.begin(undefined, new PausedSource(imports.task, 10));
    await first.source.reached;
    const abort = new AbortController();
    const aborted = imports.begin({ signal: abort.signal });
    const late = imports.begin({ timeout: 20 });
    const patient = imports.begin();
    abort.abort(new Error("Never mind."));
    await expect(aborted.done).rejects.toThrow("Never mind.");
    await expect(late.done).rejects.toThrow("within its 20 ms");
    await expect(patient.done).rejects.toThrow(UnavailableError);
    await expect(patient.done).rejects.toThrow(/1 import runs already.*within 1000 ms.*raise maxImports or poolSize/);
    expect(touched([aborted, late, patient])).toEqual([false, false, false]);
    first.source.finish();
    await first.done;
    const next = imports.begin();
    next.source.finish();
    expect(await next.done).toEqual({ createdCount: TASKS_OF_A_SOURCE });
  });

  test("no more wait than maxWaiting, in a separate queue", async () => {
    const { database } = await open({ poolSize: 4, maxWaiting: 2 });
    const imports = await PausedImports.on(database);
    const begun = imports.beginMany(4);
    await expect(begun[3]?.done).rejects.toThrow("2 imports wait already. Try again later.");
    expect(await imports.written()).toBe(0);
    for (const { source } of begun) source.finish();
    await Promise.all(begun.slice(0, 3).map(({ done }) => done));
  });

  test("a close rejects waiting ones, and ends running ones", async () => {
    const { database } = await open({ poolSize: 1 });
    const imports = await PausedImports.on(database);
    const [first, second] = imports.beginMany(2);
    await first?.source.reached;
    const closing = database.close(50);
    await expect(second?.done).rejects.toThrow("The database was closed");
    await closing;
    await expect(first?.done).rejects.toThrow();
    const late = imports.begin();
    await expect(late.done).rejects.toThrow("The database was closed");
    expect(touched([second ?? expect.fail(), late])).toEqual([false, false]);
  });

  test("a lost connection frees the slot for the next one", async () => {
    const { database, url } = await open({ poolSize: 2 });
    const imports = await PausedImports.on(database);
    const [first, second] = imports.beginMany(2);
    await first?.source.reached;
    await onServer(url, (sql) => sql.unsafe(`select pg_terminate_backend(pid) ${OPEN_TRANSACTIONS}`));
    await expect(first?.done).rejects.toMatchObject({ code: "transaction_lost" });
    second?.source.finish();
    expect(await second?.done).toEqual({ createdCount: TASKS_OF_A_SOURCE });
  });

  test("a source with a slow return() does not delay the others", async () => {
    const { database } = await open({ poolSize: 1 });
    const imports = await PausedImports.on(database);
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const first = createDaoServices(database).tasks.createTasks({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: { ...imports.task, title: "" } }),
        return: async () => {
          await left;
          return { done: true, value: undefined };
        },
      }),
    });
    first.catch(() => undefined);
    const second = imports.begin();
    second.source.finish();
    expect(await second.done).toEqual({ createdCount: TASKS_OF_A_SOURCE });
    leave();
    await expect(first).rejects.toMatchObject({ code: "validation_failed" });
  });

  test.each([
    { ends: "fails", close: () => Promise.reject(new Error("It cannot be closed.")) },
    { ends: "hangs", close: () => new Promise<never>(() => undefined) },
  ])("an import rejects with its own error if closing the source $ends", async ({ close }) => {
    const { database } = await open({ poolSize: 1 });
    const { task } = await PausedImports.on(database);
    const { tasks } = createDaoServices(database);
    const failure = new Error("The file ends in the middle.");
    for (const next of [() => Promise.reject(failure), async () => ({ done: false, value: { ...task, title: "" } })]) {
      const source = { [Symbol.asyncIterator]: () => ({ next, return: close }) };
      const error = await tasks.createTasks(source).catch((reason: unknown) => reason);
      expect(error === failure || Reflect.get(Object(error), "code") === "validation_failed").toBe(true);
    }
  });
});

describe("imports that take no slot", () => {
  test("an array for one statement, and an import within the caller's own unit of work", async () => {
    const { database } = await open({ poolSize: 3 });
    const imports = await PausedImports.on(database);
    const { task } = imports;
    const running = imports.begin();
    await running.source.reached;
    const waiting = imports.begin();
    const array = Array.from({ length: 1_000 }, () => task);
    expect(await createDaoServices(database).tasks.createTasks(array)).toEqual({ createdCount: 1_000 });
    const inOwn = await DaoUnitOfWork.run(database, async (uow) => {
      const { source, done } = (await PausedImports.on(uow)).begin();
      source.finish();
      return done;
    });
    expect(inOwn).toEqual({ createdCount: TASKS_OF_A_SOURCE });
    expect(waiting.source.wasTouched).toBe(false);
    for (const { source, done } of [running, waiting]) {
      source.finish();
      await done;
    }
  });

  test("a longer array takes a slot", async () => {
    const { database } = await open({ poolSize: 3, maxWaiting: 2 });
    const imports = await PausedImports.on(database);
    const running = imports.begin();
    await running.source.reached;
    const waiting = imports.beginMany(2);
    const array = Array.from({ length: 1_001 }, () => imports.task);
    const refused = createDaoServices(database).tasks.createTasks(array);
    await expect(refused).rejects.toThrow("2 imports wait already. Try again later.");
    for (const { source, done } of [running, ...waiting]) {
      source.finish();
      await done;
    }
  });
});

describe("misuse is rejected at once", () => {
  test("an import in the source of another", async () => {
    const { database } = await open();
    const imports = await PausedImports.on(database);
    const { tasks } = createDaoServices(database);
    const inner: unknown[] = [];
    async function* source() {
      yield imports.task;
      inner.push(await tasks.createTasks([imports.task]));
      inner.push(await tasks.createTasks(new PausedSource(imports.task)).catch((error: unknown) => error));
    }
    expect(await tasks.createTasks(source())).toEqual({ createdCount: 1 });
    expect(inner).toMatchObject([{ createdCount: 1 }, { code: "unit_of_work_misused" }]);
    expect(await tasks.createTasks([imports.task])).toEqual({ createdCount: 1 });
  });

  test("an import by the outer session within a unit of work, and an invalid source, though others wait", async () => {
    const { database } = await open({ poolSize: 2 });
    const imports = await PausedImports.on(database);
    const running = imports.begin();
    await running.source.reached;
    await DaoUnitOfWork.run(database, async () => {
      const { source, done } = imports.begin();
      await expect(done).rejects.toMatchObject({ code: "unit_of_work_misused" });
      expect(source.wasTouched).toBe(false);
    });
    // @ts-expect-error what a caller without a type checker could send
    await expect(createDaoServices(database).tasks.createTasks(7)).rejects.toMatchObject({ code: "validation_failed" });
    running.source.finish();
    await running.done;
  });
});

describe("an application's own pool", () => {
  test("is shared by all databases on it, however they joined it", async () => {
    const { url } = await open({ poolSize: 1 });
    const pool = openPool(url, POOL_SIZE);
    opened.push(() => pool.end());
    const imports = await Promise.all(
      [joinPgPool(pool), joinPgPool(pool), joinDrizzle(drizzlePg(pool))].map((database) => PausedImports.on(database)),
    );
    const begun = imports.map((each) => each.begin());
    await reached(begun.slice(0, AT_A_TIME));
    for (const each of imports) await othersAreServed(each);
    expect(touched(begun)).toEqual([true, true, false]);
    for (const { source } of begun) source.finish();
    await Promise.all(begun.map(({ done }) => done));
  });

  test("of postgres.js with Drizzle reserves a quarter for imports, and a joined transaction is the application's", async () => {
    const { url } = await open({ poolSize: 1 });
    const client = postgres(url, { max: POOL_SIZE, onnotice: () => undefined });
    opened.push(() => client.end());
    const drizzle = drizzlePostgres(client);
    const imports = await PausedImports.on(joinDrizzle(drizzle));
    const begun = imports.beginMany(AT_A_TIME + 1);
    await reached(begun.slice(0, AT_A_TIME));
    await drizzle.transaction(async (transaction) => {
      const { source, done } = (await PausedImports.on(joinDrizzle(transaction))).begin();
      source.finish();
      await done;
    });
    expect(touched(begun)).toEqual([true, true, false]);
    for (const { source } of begun) source.finish();
    await Promise.all(begun.map(({ done }) => done));
  });

  test("lets imports run one at a time if its client does not report its size", async () => {
    const { url } = await open({ poolSize: 1 });
    const kysely = new Kysely<object>({ dialect: new PostgresDialect({ pool: openPool(url, POOL_SIZE) }) });
    opened.push(() => kysely.destroy());
    const imports = await PausedImports.on(joinKysely(kysely));
    const begun = imports.beginMany(2);
    await reached(begun.slice(0, 1));
    await othersAreServed(imports);
    expect(touched(begun)).toEqual([true, false]);
    for (const { source } of begun) source.finish();
    await Promise.all(begun.map(({ done }) => done));
  });
});

test("an embedded database serves others until an import's transaction begins, and after it ends", async () => {
  const { database } = await open({ serverUrl: "" });
  const imports = await PausedImports.on(database);
  const few = imports.begin(undefined, new PausedSource(imports.task, 10));
  await few.source.reached;
  await othersAreServed(imports);
  const many = imports.begin();
  expect(many.source.wasTouched).toBe(false);
  few.source.finish();
  await many.source.reached;
  const others = imports.written();
  many.source.finish();
  await Promise.all([few.done, many.done, others]);
  expect(await imports.written()).toBe(11 + TASKS_OF_A_SOURCE);
});

async function onServer<Result>(url: string, work: (sql: postgres.Sql) => Promise<Result>): Promise<Result> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** Those of other clients. */
const OPEN_TRANSACTIONS = `from pg_stat_activity
  where xact_start is not null and backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()`;

async function openTransactions(url: string): Promise<number> {
  const rows = await onServer(url, (sql) => sql.unsafe(`select pid ${OPEN_TRANSACTIONS}`));
  return rows.length;
}

test("a slow source that makes progress keeps its transaction for longer than idleInTransactionTimeout", async () => {
  const IDLE = 3_000;
  const { database } = await open({ idleInTransactionTimeout: IDLE });
  const imports = await PausedImports.on(database);
  const end = performance.now() + 1.5 * IDLE;
  let count = 0;
  async function* slow() {
    // Enough tasks to open the transaction.
    for (; count < 2_000; count++) yield imports.task;
    for (; performance.now() < end; count++) {
      await delay(IDLE / 20);
      yield imports.task;
    }
  }
  expect(await createDaoServices(database).tasks.createTasks(slow())).toEqual({ createdCount: count });
  expect(await imports.written()).toBe(count);
});
