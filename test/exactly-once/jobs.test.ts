import { fork } from "node:child_process";
import { once } from "node:events";
import { createDaoServices, type DaoServices, joinPgPool } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createCalendarQueue, doCalendarJobs, planTask } from "../../examples/jobs/calendar-jobs.ts";
import { compilePrograms, type Programs } from "../programs.ts";
import type { Moment } from "./killed-planner.ts";

let program: Programs<"planner">;
let database: TestDatabase;
let pool: pg.Pool;
let boss: PgBoss;
let services: DaoServices;
let owner: { userId: string; goalId: string };
beforeAll(async () => {
  program = await compilePrograms({ planner: "test/exactly-once/killed-planner.ts" });
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  pool = new pg.Pool({ connectionString: database.url });
  boss = new PgBoss(database.url);
  await boss.start();
  await createCalendarQueue(boss);
  services = createDaoServices(joinPgPool(pool));
  const { id: userId } = await services.users.createUser(makeUserData());
  owner = { userId, goalId: (await services.goals.createGoal({ userId, title: "Run" })).id };
});
afterAll(async () => {
  await boss?.stop({ graceful: false });
  await pool?.end();
  await database?.drop();
  await program?.[Symbol.asyncDispose]();
});
beforeEach(() => pool.query("truncate tasks; delete from pgboss.job"));

const written = async () => {
  const { rows } = await pool.query(
    "select (select count(*)::int from tasks) as tasks, (select count(*)::int from pgboss.job) as jobs",
  );
  return rows[0];
};

test("a transaction that is rolled back leaves neither the task nor its job", async () => {
  const work = drizzle(pool).transaction(async (transaction) => {
    await planTask(transaction, boss, { ...owner, title: "Run 3 km" });
    throw new Error("changed my mind");
  });
  await expect(work).rejects.toThrow("changed my mind");
  expect(await written()).toEqual({ tasks: 0, jobs: 0 });
});

test.each<[Moment, number]>([
  ["before the commit", 0],
  ["after the commit", 1],
])("a process that is killed %s leaves %d of each", async (moment, count) => {
  const env = { DATABASE_URL: database.url, TASK: JSON.stringify({ ...owner, title: "Run 3 km" }), MOMENT: moment };
  const child = fork(program.file("planner"), { env, execArgv: [] });
  await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  expect(await written()).toEqual({ tasks: count, jobs: count });
});

test("another process does the job, again if it failed, and passes over that of a task that was deleted", async () => {
  const host = drizzle(pool);
  const deleted = await planTask(host, boss, { ...owner, title: "Swim" });
  await services.tasks.deleteTask(deleted.id);
  const task = await planTask(host, boss, { ...owner, title: "Run 3 km" });
  const asked: string[] = [];
  const createEvent = async (id: string) => {
    asked.push(id);
    if (asked.length === 1) throw new Error("The calendar is down.");
  };
  await doCalendarJobs(boss, services.tasks, { createEvent });
  const states = async () => (await pool.query("select state::text from pgboss.job")).rows.map(({ state }) => state);
  await expect.poll(states).toEqual(["completed", "completed"]);
  expect(asked).toEqual([task.id, task.id]);
  expect(await services.tasks.getTask(task.id)).toMatchObject({ calendarEventId: task.id });
});
