import { createDaoServices, type DaoServices, joinDrizzle, joinPgPool } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { markMissedTasks } from "../examples/batch-job/mark-missed-tasks.ts";
import { createGoalWithPlan } from "../examples/goal-planner/create-goal-with-plan.ts";
import { completeRun, kilometresOf, migrateWorkouts } from "../examples/monolith/workouts.ts";
import { analyzeUserPatterns } from "../examples/observer/analyze-user-patterns.ts";
import { countCompletions } from "../examples/observer/count-completions.ts";
import { openHostPool } from "../examples/own-pool/host-pool.ts";
import { schedulerDailySync } from "../examples/scheduler/daily-sync.ts";
import { linkCalendarEvent } from "../examples/scheduler/link-calendar-event.ts";
import { goalsOf, migrateAll, signUp } from "../examples/shared-database/accounts.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

function overHttp(): DaoServices {
  const app = createDaoApp({ services: testDatabase.database, keys: [{ name: "examples", key: "examples-key" }] });
  const fetch = (url: string | URL | Request, init?: RequestInit) => app.fetch(new Request(url, init));
  return createDaoClient({ baseUrl: "http://dao.test", serviceKey: "examples-key", fetch });
}

test("the observer counts completions as they happen, each once", async () => {
  await using followed = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
  const services = createDaoServices(followed.database);
  const plan = await createGoalWithPlan(services, makeUserData().email, new Date("2026-03-02T00:00:00Z"));
  const taskIds = plan.tasks.map(({ id }) => id);
  const { nextCursor } = await services.changes.listChanges({ cursor: "now" });
  const counts: number[] = [];
  const counting = (async () => {
    for await (const count of countCompletions(services, plan.userId, nextCursor)) {
      if (counts.push(count) === 3) break;
    }
  })();
  await services.tasks.bulkUpdateState({ taskIds: taskIds.slice(0, 2), newState: "completed" });
  await services.tasks.updateTask(String(taskIds[0]), { title: "Still completed" });
  await services.tasks.deleteTask(String(taskIds[3]));
  await services.tasks.updateTask(String(taskIds[2]), { state: "completed" });
  await counting;
  expect(counts).toEqual([1, 2, 3]);
});

describe.each([
  { how: "in-process", open: () => createDaoServices(testDatabase.database) },
  { how: "over HTTP", open: overHttp },
])("the guide's flows, $how", ({ open }) => {
  test("the goal planner's plan is the published one: 9 weeks, 27 runs", async () => {
    const plan = await createGoalWithPlan(open(), makeUserData().email, new Date("2026-03-02T00:00:00Z"));
    expect(plan.milestones.map(({ weekNumber }) => weekNumber)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(plan.tasks).toHaveLength(27);
    for (const { id } of plan.milestones) {
      expect(plan.tasks.filter(({ milestoneId }) => milestoneId === id)).toHaveLength(3);
    }
    expect(plan.tasks[0]?.startTime?.toISOString()).toBe("2026-03-02T07:00:00.000Z");
  });

  test("the scheduler marks overdue tasks as drifted, and links an event", async () => {
    const services = open();
    const plan = await createGoalWithPlan(services, makeUserData().email, new Date("2026-03-02T00:00:00Z"));
    const evening = new Date("2026-03-04T20:00:00Z");
    expect(await schedulerDailySync(services, plan.userId, evening)).toEqual({ tasksChecked: 1, drifted: 1 });
    expect(await schedulerDailySync(services, plan.userId, evening)).toEqual({ tasksChecked: 1, drifted: 0 });
    const task = await linkCalendarEvent(services, plan.tasks[2]?.id ?? "", "event-1");
    expect(task.calendarEventId).toBe("event-1");
  });

  test("the observer sees the statistics, and the batch job marks drifted tasks as missed", async () => {
    const services = open();
    const plan = await createGoalWithPlan(services, makeUserData().email, new Date("2026-03-02T00:00:00Z"));
    const taskIds = plan.tasks.slice(0, 4).map(({ id }) => id);
    await services.tasks.bulkUpdateState({ taskIds, newState: "drifted" });
    expect(await analyzeUserPatterns(services, plan.userId)).toMatchObject({
      totalTasks: 27,
      byState: { drifted: 4, scheduled: 23 },
      completionRate: 0,
      lowCompletionRate: true,
    });
    await markMissedTasks(services.tasks, new Date("2026-04-30T00:00:00Z"));
    const { byState } = await analyzeUserPatterns(services, plan.userId);
    expect(byState).toMatchObject({ missed: 4, drifted: 0 });
  });
});

describe("a host's own pool", () => {
  let pool: pg.Pool;
  beforeAll(() => {
    pool = openHostPool(testDatabase.url);
  });
  afterAll(() => pool.end());

  /** Everything of the host's that we could have changed: the pool, its clients, the parsers and the server's settings. */
  async function found() {
    const client = await pool.connect();
    const { rows: settings } = await client.query("select name, setting from pg_settings order by name");
    const { rows: values } = await client.query(
      "select '2026-03-02'::date, '2026-03-02 07:00:00.123456+00'::timestamptz, '{}'::jsonb, '[1]'::json, 1::int8, 1.5::numeric, true",
    );
    client.release();
    return {
      settings,
      values,
      options: { ...pool.options },
      ended: [pool.ending, pool.ended],
      listeners: [pool, client].map((emitter) =>
        emitter.eventNames().map((name) => [name, emitter.listenerCount(name)]),
      ),
      parsers: Array.from({ length: 4_000 }, (_, oid) => [
        pg.types.getTypeParser(oid),
        pg.types.getTypeParser(oid, "binary"),
      ]),
      defaults: { ...pg.defaults },
    };
  }

  test.each([
    { how: "joinPgPool", join: () => joinPgPool(pool) },
    { how: "joinDrizzle", join: () => joinDrizzle(drizzle(pool)) },
  ])("is left exactly as it was found, by $how", async ({ join }) => {
    const before = await found();
    const database = join();
    await database.migrate();
    const plan = await createGoalWithPlan(createDaoServices(database), makeUserData().email, new Date());
    await database.transaction(({ tasks }) => tasks.list({ goalId: plan.id }), { lockTimeout: 100 });
    await expect(database.users.create({ name: "Jane", email: "no address" })).rejects.toThrow();
    await database.close();
    expect(await found()).toEqual(before);
    expect([pool.idleCount, pool.waitingCount]).toEqual([pool.totalCount, 0]);
  });

  test("an application with a users table of its own has ours in another schema, and signs up with both or neither", async () => {
    const own = await createTestDatabase({ serverUrl: inject("adminUrl") });
    const ownPool = openHostPool(own.url);
    try {
      const host = drizzle(ownPool);
      await ownPool.query("drop schema public cascade; create schema public");
      await migrateAll(host);
      await migrateAll(host);
      await signUp(host, "jane", makeUserData().email);
      await expect(signUp(host, "jane", makeUserData().email)).rejects.toThrow();
      expect(await goalsOf(host, "jane")).toBe(1);
      const { rows } = await ownPool.query("select count(*)::int as users from flux.users");
      expect(rows).toEqual([{ users: 1 }]);
    } finally {
      await ownPool.end();
      await own.drop();
    }
  });

  test("a monolith's rows and ours are committed together, or not at all", async () => {
    const database = drizzle(pool);
    await migrateWorkouts(database);
    const services = createDaoServices(joinDrizzle(database));
    const { userId, tasks } = await createGoalWithPlan(services, makeUserData().email, new Date());
    const [first, second] = tasks.map(({ id }) => id);
    await completeRun(database, first ?? "", 5.5);
    // The host's own rule, then one of ours, and then a change of a task that does not exist.
    await expect(completeRun(database, second ?? "", -1)).rejects.toThrow();
    await expect(completeRun(database, first ?? "", 4)).rejects.toThrow();
    await expect(completeRun(database, userId, 4)).rejects.toMatchObject({ code: "not_found" });
    expect(await kilometresOf(database, userId)).toBe(5.5);
    expect((await services.tasks.listTasks({ userId, state: "completed" })).items.map(({ id }) => id)).toEqual([first]);
  });
});
