import {
  createDaoServices,
  DaoUnitOfWork,
  isDaoError,
  joinDrizzle,
  joinPostgresJs,
  type SqlDriver,
  type SqlResult,
  ValidationError,
} from "@flux/dao-core";
import {
  createTestDatabase,
  makeGoalStructureData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { untilBlocked } from "../../../test/blocked-sessions.ts";
import { parseDatabaseUrl } from "../src/connection-string/database-url.ts";
import { Database } from "../src/database.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

/** One connection, so that its prepared statements can be queried, behind a driver that counts executions. */
function countingDatabase(prepare: boolean) {
  const location = parseDatabaseUrl(testDatabase.url);
  if (location.kind !== "postgres") throw new Error("needs a server");
  const driver = postgresDriver(location, { poolSize: 1, prepare });
  const texts: string[] = [];
  const results: Promise<SqlResult>[] = [];
  const counting: SqlDriver = {
    description: driver.description,
    isTransaction: false,
    execute(text, parameters, options) {
      texts.push(text);
      const result = driver.execute(text, parameters, options);
      results.push(result);
      return result;
    },
    transaction: (work, options) => driver.transaction(work, options),
    close: (timeout) => driver.close(timeout),
  };
  return { driver, texts, results, database: new Database(counting) };
}

describe("statements", () => {
  test.each([
    { milestones: 8, tasksPerMilestone: 5 },
    { milestones: 20, tasksPerMilestone: 50 },
  ])("a structure of $milestones × $tasksPerMilestone takes one", async (size) => {
    const { database, texts } = countingDatabase(true);
    const services = createDaoServices(database);
    const user = await services.users.createUser(makeUserData());
    texts.length = 0;
    const plan = await services.goals.createGoalWithStructure(makeGoalStructureData(user.id, size));
    expect(plan.tasks).toHaveLength(size.milestones * size.tasksPerMilestone);
    expect(texts).toHaveLength(1);
    await database.close();
  });

  test("lists empty their results, which garbage collections would copy until the next full one", async () => {
    const { database, results } = countingDatabase(true);
    const services = createDaoServices(database);
    const user = await services.users.createUser(makeUserData());
    await services.goals.createGoalWithStructure(makeGoalStructureData(user.id));
    results.length = 0;
    const { items } = await services.tasks.listTasks({ userId: user.id });
    expect(items).not.toEqual([]);
    await services.tasks.getTasksByTimerange({
      userId: user.id,
      startTime: new Date(0),
      endTime: new Date("9999-12-31"),
    });
    await services.tasks.updateTasks({ updates: items.map(({ id }) => ({ id, title: "Run" })) });
    for await (const _ of services.tasks.streamTasks({ userId: user.id }));
    expect(await Promise.all(results)).toEqual(Array(4).fill({ rows: [] }));
    await database.close();
  });

  test("every statement is prepared once per connection, however often it runs", async () => {
    const { database, driver, texts } = countingDatabase(true);
    const services = createDaoServices(database);
    const user = await services.users.createUser(makeUserData());
    const { id: goalId } = await services.goals.createGoalWithStructure(makeGoalStructureData(user.id));
    const range = { userId: user.id, startTime: new Date(0), endTime: new Date() };
    for (let round = 0; round < 3; round++) {
      const task = await services.tasks.createTask(makeTaskData(user.id, goalId));
      await services.tasks.getTask(task.id);
      await services.tasks.listTasks({ userId: user.id });
      await services.tasks.getTasksByTimerange(range);
      await services.tasks.getTaskStatistics({ userId: user.id, startDate: new Date(0), endDate: new Date() });
      await services.tasks.updateTask(task.id, { title: "again" });
      await services.goals.getGoalFull(goalId);
    }
    const { rows } = await driver.execute("select statement from pg_prepared_statements", []);
    const prepared = rows.map(([statement]) => statement);
    for (const text of new Set(texts)) expect(prepared.filter((one) => one === text)).toHaveLength(1);
    await database.close();
  });

  test.each(["alone", "in units of work"])(
    "however many there are, the client keeps few per connection: %s",
    async (where) => {
      const { database, driver } = countingDatabase(true);
      const ask = (text: string) =>
        where === "alone"
          ? driver.execute(text, [])
          : driver.transaction((transaction) => transaction.execute(text, []));
      const preparedBy = new Map<unknown, number>();
      for (let number = 0; number < 2_000; number += 20) {
        const texts = Array.from({ length: 20 }, (_, index) => `select pg_backend_pid(), ${number + index}`);
        for (const { rows } of await Promise.all(texts.map(ask))) {
          const [pid] = rows[0] ?? [];
          preparedBy.set(pid, (preparedBy.get(pid) ?? 0) + 1);
        }
      }
      expect([...preparedBy.values()].reduce((sum, prepared) => sum + prepared)).toBe(2_000);
      // 256 that are kept, as many that are not, and those that are sent before the last of them returns.
      expect(Math.max(...preparedBy.values())).toBeLessThan(2.5 * 256);
      await database.close();
    },
  );

  test("after one that failed behind its first rows, the next returns all of its own, and nothing else", async () => {
    const failing = "select 1 / (4 - n) from generate_series(1, 9) n";
    const { database, driver } = countingDatabase(true);
    const client = postgres(testDatabase.url, { max: 1 });
    const user = await testDatabase.database.users.create(makeUserData());
    for (const [session, fail] of [
      [database, () => driver.execute(failing, [])],
      [joinPostgresJs(client), () => client.unsafe(failing)],
      [joinDrizzle(drizzle(client)), () => client.unsafe(failing)],
    ] as const) {
      await expect(fail()).rejects.toMatchObject({ code: "22012" });
      expect(await session.users.findById(user.id)).toEqual(user);
      const [failed, found, all] = await Promise.allSettled([
        fail(),
        session.users.findById(user.id),
        session.users.list({ email: user.email }),
      ]);
      expect(failed).toMatchObject({ reason: { code: "22012" } });
      expect(found).toEqual({ status: "fulfilled", value: user });
      expect(all).toMatchObject({ value: { items: [user] } });
    }
    await client.end();
    await database.close();
  });

  test("in one unit of work, too, a connection keeps at most 256 prepared", async () => {
    const { database, driver } = countingDatabase(true);
    const prepared = await driver.transaction(async (transaction) => {
      for (let number = 0; number < 700; number++) {
        const { rows } = await transaction.execute(`select $1::int + ${number}`, [1]);
        expect(rows).toEqual([[number + 1]]);
      }
      return (await transaction.execute("select count(*)::int from pg_prepared_statements", [])).rows[0]?.[0];
    });
    expect(prepared).toBeLessThanOrEqual(256);
    const left = await driver.execute("select count(*)::int from pg_prepared_statements", []);
    expect(left.rows[0]?.[0]).toBeLessThanOrEqual(129);
    await database.close();
  });

  test("with prepare: false nothing is", async () => {
    const { database, driver } = countingDatabase(false);
    await createDaoServices(database).users.createUser(makeUserData());
    const { rows } = await driver.execute("select name from pg_prepared_statements", []);
    expect(rows).toEqual([]);
    await database.close();
  });

  // Inside units of work, where no statement is retried, so that a deadlock would show.
  test("concurrent bulk updates of the same tasks in any order never deadlock", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    const { tasks } = await database.goals.createWithStructure(
      makeGoalStructureData(user.id, { milestones: 10, tasksPerMilestone: 20 }),
    );
    const taskIds = tasks.map(({ id }) => id);
    const update = (index: number) =>
      DaoUnitOfWork.run(database, async (uow) => {
        // Each starts elsewhere, every second one runs backwards.
        const ids = [...taskIds.slice(index * 5), ...taskIds.slice(0, index * 5)];
        return uow.tasks.bulkUpdateState({ taskIds: index % 2 === 0 ? ids : ids.reverse(), newState: "drifted" });
      });
    const counts = await Promise.all(Array.from({ length: 40 }, (_, index) => update(index)));
    expect(new Set(counts)).toEqual(new Set([taskIds.length]));
  });

  test("a single statement that is aborted by a deadlock is retried", async () => {
    const { database } = testDatabase;
    const other = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
    // The single statement locks both rows in one order, the other transaction in the opposite one.
    const user = await database.users.create(makeUserData());
    const goal = await database.goals.create({ userId: user.id, title: "x" });
    const taskIds: string[] = [];
    for (let i = 0; i < 2; i++) taskIds.push((await database.tasks.create(makeTaskData(user.id, goal.id))).id);
    const [low = "", high = ""] = taskIds.sort();
    const outcome = await Promise.allSettled([
      other.begin(async (sql) => {
        await sql`set local deadlock_timeout = '10s'`;
        await sql`update tasks set title = 'held' where id = ${high}`;
        await untilBlocked(sql, 1);
        await sql`update tasks set title = 'held' where id = ${low}`;
      }),
      whenLocked(high).then(() => database.tasks.bulkUpdateState({ taskIds, newState: "missed" })),
    ]);
    expect(outcome.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect((await database.tasks.findById(low))?.state).toBe("missed");
    await other.end();
  });
});

/** Resolves when a session holds the lock of the task's row. */
async function whenLocked(id: string): Promise<void> {
  const probe = postgres(testDatabase.url, { max: 1 });
  for (let isLocked = false; !isLocked; ) {
    const free = await probe`select 1 from tasks where id = ${id} for update skip locked`;
    isLocked = free.length === 0;
  }
  await probe.end();
}

describe("a DAO called directly", () => {
  test("leaves validation to the database, with the same errors", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    const issuesOf = (call: Promise<unknown>) =>
      call.then(
        () => "accepted",
        (error: unknown) => (error instanceof ValidationError ? error.issues.map(({ path }) => path).join() : error),
      );
    expect(await issuesOf(database.users.create({ name: "", email: "a@b" }))).toBe("name");
    expect(await issuesOf(database.users.create({ name: "x", email: "nowhere" }))).toBe("email");
    expect(await issuesOf(database.users.create({ name: "a\u0000", email: "a@b" }))).toBe("name");
    expect(await issuesOf(database.users.create({ name: "\ud800", email: "a@b" }))).toBe("name");
    expect(await issuesOf(database.users.update(user.id, { preferences: JSON.parse('{"a":"\\u0000"}') }))).toBe(
      "preferences.a",
    );
    expect(await issuesOf(database.users.update(user.id, { preferences: { a: [Number.NaN] } }))).toBe(
      "preferences.a.0",
    );
    expect(await issuesOf(database.demoFlags.put(user.id, { escalationSpeed: Number.NaN }))).toBe("escalationSpeed");
    expect(await issuesOf(database.goals.create({ userId: "no uuid", title: "x" }))).toBe("");
  });

  test("fills in the defaults", async () => {
    const { database } = testDatabase;
    const user = await database.users.create({ name: "Ada", email: makeUserData().email });
    expect(user).toMatchObject({ preferences: {}, demoMode: false });
    const goal = await database.goals.create({ userId: user.id, title: "x" });
    expect(goal).toMatchObject({ category: null, timeline: null, status: "active" });
    expect(await database.milestones.create({ goalId: goal.id, weekNumber: 1, title: "x" })).toMatchObject({
      status: "pending",
    });
    expect(await database.tasks.create({ userId: user.id, goalId: goal.id, title: "x" })).toMatchObject({
      milestoneId: null,
      startTime: null,
      endTime: null,
      state: "scheduled",
      priority: "standard",
      triggerType: "time",
      isRecurring: false,
      calendarEventId: null,
    });
    const conversation = await database.conversations.create({ userId: user.id, goalId: goal.id, messages: null });
    expect(conversation).toMatchObject({ messages: [], status: "open" });
    expect(await database.demoFlags.put(user.id, {})).toMatchObject({ virtualNow: null, escalationSpeed: 1 });
  });

  test("a failed structure leaves nothing behind", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    const structure = makeGoalStructureData(user.id, { milestones: 3, tasksPerMilestone: 2 });
    const broken = structure.milestones?.map((milestone, index) =>
      index === 2 ? { ...milestone, weekNumber: 0 } : milestone,
    );
    const creating = database.goals.createWithStructure({ ...structure, milestones: broken });
    await expect(creating).rejects.toMatchObject({ issues: [{ path: "weekNumber" }] });
    expect((await database.goals.list({ userId: user.id })).total).toBe(0);
    expect((await database.tasks.list({ userId: user.id })).total).toBe(0);
  });

  test("the error of a failed statement inside a unit of work is the same", async () => {
    const run = DaoUnitOfWork.run(testDatabase.database, (uow) => uow.users.create({ name: "", email: "a@b" }));
    await expect(run).rejects.toSatisfy((error) => isDaoError(error) && error.code === "validation_failed");
  });
});
