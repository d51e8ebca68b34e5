import { setTimeout as delay } from "node:timers/promises";
import {
  createDaoServices,
  DaoUnitOfWork,
  joinHost,
  openDatabase,
  type TaskImportDto,
  UnavailableError,
  ValidationError,
} from "@flux/dao-core";
import { createTestDatabase, makeTaskData, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { askUntil } from "../../../test/ask-until.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { postgresLocation } from "./postgres-location.ts";

let testDatabase: TestDatabase;
/** Connections of another client, to hold locks and to inspect the server. */
let others: postgres.Sql;

beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 4, applicationName: "deadlines" });
  others = postgres(testDatabase.url, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await others.end();
  await testDatabase.drop();
});

/** Runs `work` while another client holds a lock on the user's row. */
async function whileHeld(work: (userId: string) => Promise<void>): Promise<void> {
  const user = await testDatabase.database.users.create(makeUserData());
  await others.begin(async (sql) => {
    await sql`select 1 from users where id = ${user.id} for update`;
    await work(user.id);
  });
}

/** The library's statements that are running on the server. */
async function active(): Promise<number> {
  const [row] = await others<{ count: number }[]>`
    select count(*)::int from pg_stat_activity where application_name = 'deadlines' and state = 'active'`;
  return row?.count ?? 0;
}

/** Milliseconds until none of them runs on the server. */
async function untilGone(): Promise<number> {
  const begun = performance.now();
  await askUntil(active, (count) => count === 0, { pause: 0 });
  return performance.now() - begun;
}

describe("the timeout of a call", () => {
  test.each([
    { when: "it has yielded an invalid task", task: makeTaskData("nobody", "nothing") },
    { when: "the database has rejected a batch", task: makeTaskData(crypto.randomUUID(), crypto.randomUUID()) },
  ])("ends the wait for a source whose return() never resolves, when $when", async ({ task }) => {
    const { tasks } = createDaoServices(testDatabase.database);
    const source: AsyncIterable<TaskImportDto> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: task }),
        return: () => new Promise(() => undefined),
      }),
    };
    await expect(tasks.createTasks(source, { timeout: 200 })).rejects.toMatchObject({
      code: expect.stringMatching(/^(validation_failed|related_row_missing|unavailable)$/),
    });
  });

  test("aborts a statement that waits for a lock with an UnavailableError that names the time-out, and cancels it on the server", () =>
    whileHeld(async (id) => {
      const late = testDatabase.database.users.update(id, { name: "late" }, { timeout: 100 });
      await expect(late).rejects.toThrow(/not done within its 100 ms/);
      await expect(late).rejects.toBeInstanceOf(UnavailableError);
      await untilGone();
    }));

  test("bounds a unit of work as a whole, and a nested one", () =>
    whileHeld(async (id) => {
      const { database } = testDatabase;
      const data = makeUserData();
      const late = DaoUnitOfWork.run(
        database,
        async (uow) => {
          await uow.users.create(data);
          await uow.users.update(id, { name: "late" });
        },
        { timeout: 100 },
      );
      await expect(late).rejects.toBeInstanceOf(UnavailableError);
      const nested = DaoUnitOfWork.run(database, (uow) =>
        DaoUnitOfWork.run(uow, (inner) => inner.users.update(id, { name: "late" }), { timeout: 100 }),
      );
      await expect(nested).rejects.toBeInstanceOf(UnavailableError);
      expect((await database.users.list({ email: data.email })).total).toBe(0);
    }));

  test("bounds the statements of a list, and of appended messages, together", async () => {
    const { users, goals, tasks } = createDaoServices(testDatabase.database);
    const user = await users.createUser(makeUserData());
    const goal = await goals.createGoal({ userId: user.id, title: "t" });
    await tasks.createTasks([makeTaskData(user.id, goal.id), makeTaskData(user.id, goal.id)]);
    const driver = postgresDriver(postgresLocation(testDatabase.url));
    const far = joinHost({
      description: "far away",
      isTransaction: false,
      close: () => driver.close(),
      transaction: (work, options) => driver.transaction(work, options),
      async execute(text, parameters, options) {
        await delay(300);
        return driver.execute(text, parameters, options);
      },
    });
    const services = createDaoServices(far);
    const timeout = 500;
    const calls = [
      services.tasks.listTasks({ goalId: goal.id, limit: 1 }, { timeout }),
      services.conversations.appendMessages(user.id, { messages: ["a"] }, { timeout }),
    ];
    await Promise.all(calls.map((call) => expect(call).rejects.toThrow(/not done within its 500 ms/)));
    await far.close();
  });

  test("includes the wait for a connection", async () => {
    await using database = await openDatabase(testDatabase.url, { poolSize: 1 });
    let release: () => void = () => undefined;
    const held = DaoUnitOfWork.run(
      database,
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    await expect(database.users.list({}, { timeout: 50 })).rejects.toThrow(/not done within its 50 ms/);
    release();
    await held;
  });

  test("affects neither a call that is done by then, nor the signal", async () => {
    const { database } = testDatabase;
    const { signal } = new AbortController();
    expect((await database.users.list({}, { timeout: 60_000, signal })).page).toBe(1);
    const reason = new Error("enough");
    await expect(database.users.list({}, { timeout: 60_000, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("of %d is refused", async (timeout) => {
    const { database } = testDatabase;
    await expect(database.users.list({}, { timeout })).rejects.toBeInstanceOf(ValidationError);
    await expect(DaoUnitOfWork.run(database, async () => 1, { timeout })).rejects.toBeInstanceOf(ValidationError);
  });
});

describe("after an abort", () => {
  test("the statements are soon cancelled on the server, repeatedly, and the pool still works", () =>
    whileHeld(async (id) => {
      const { database } = testDatabase;
      const times: number[] = [];
      for (let round = 0; round < 20; round++) {
        const controller = new AbortController();
        const calls = [
          database.users.update(id, { name: "late" }, { signal: controller.signal }),
          DaoUnitOfWork.run(database, (uow) => uow.users.delete(id), { signal: controller.signal }),
        ];
        const settled = Promise.allSettled(calls);
        await askUntil(active, (count) => count >= 2, { pause: 0 });
        controller.abort();
        times.push(await untilGone());
        expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
        expect(await database.users.findById(id)).toMatchObject({ id });
      }
      // Within 200 ms (docs/reliability.md), on a machine that does nothing else; less than the lock time-out of 10 s on any.
      expect(Math.max(...times)).toBeLessThan(8_000);
    }));
});
