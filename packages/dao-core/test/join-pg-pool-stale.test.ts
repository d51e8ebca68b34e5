import { createDaoServices, DaoUnitOfWork, joinPgPool, RetryableError, UnavailableError } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { INCOMPATIBLE_CHANGES } from "./incompatible-changes.ts";
import { openPool } from "./pg-pool.ts";

let testDatabase: TestDatabase;
let pool: pg.Pool;
let dropped: number;

beforeEach(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  pool = openPool(testDatabase.url, 3);
  dropped = 0;
  pool.on("error", () => undefined);
  pool.on("release", (error) => {
    if (error) dropped++;
  });
});
afterEach(async () => {
  await pool.end();
  await testDatabase.drop();
});

/** Runs `work` on each client that the pool can have. */
async function onEveryClient(work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> {
  const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  await Promise.all(clients.map(work));
  for (const client of clients) client.release();
}

/** From another session, like another application's migration. */
async function change(ddl: string): Promise<void> {
  const client = new pg.Client({ connectionString: testDatabase.url });
  await client.connect();
  try {
    await client.query(ddl);
  } finally {
    await client.end();
  }
}

const WIDEN_TITLE = "alter table goals alter column title type varchar(600)";

async function prepared() {
  const database = joinPgPool(pool);
  const services = createDaoServices(database);
  const user = await services.users.createUser(makeUserData());
  const goal = await services.goals.createGoal({ userId: user.id, title: "Run" });
  // In parallel, so that each client prepares them.
  const all = <Result>(call: () => Promise<Result>) => Promise.all([call(), call(), call()]);
  await all(() => services.goals.getGoal(goal.id));
  await all(() => services.goals.createGoal({ userId: user.id, title: "Run" }));
  await all(() => services.tasks.createTask({ userId: user.id, goalId: goal.id, title: "Run" }));
  await all(() => services.users.updateUser(user.id, { name: "Ada" }));
  return { ...services, database, user, goal, all };
}

describe("after another session's ALTER TABLE", () => {
  test("reads and writes continue on clients that replaced the stale ones", async () => {
    const { goals, goal, user, all } = await prepared();
    await change(WIDEN_TITLE);
    expect(await all(() => goals.getGoal(goal.id))).toEqual([goal, goal, goal]);
    const before = (await goals.listGoals()).total ?? 0;
    await all(() => goals.createGoal({ userId: user.id, title: "Once" }));
    expect((await goals.listGoals()).total).toBe(before + 3);
    expect(dropped).toBeGreaterThan(0);
  });

  test.each(INCOMPATIBLE_CHANGES)("reads and writes continue if %s", async (_, ddl) => {
    const { users, goals, tasks, user, goal, all } = await prepared();
    await all(() => goals.listGoals({ userId: user.id }));
    await change(ddl);
    const { total } = await goals.listGoals({ userId: user.id });
    expect(total).toBe(4);
    const name = ddl.includes("jsonb") ? '"Grace"' : "Grace";
    await all(() => users.updateUser(user.id, { name }));
    await all(() => tasks.createTask({ userId: user.id, goalId: goal.id, title: "Run", state: "missed" }));
  });

  test("a unit of work is retried as a whole, and rejects with a RetryableError if retries are not allowed", async () => {
    const { database, user, goal, goals } = await prepared();
    await change(WIDEN_TITLE);
    const work = async (uow: DaoUnitOfWork) => {
      await uow.users.update(user.id, { preferences: { runs: 1 } });
      await uow.goals.update(goal.id, { title: "Swim" });
      return uow.goals.findById(goal.id);
    };
    await expect(DaoUnitOfWork.run(database, work)).rejects.toThrow(RetryableError);
    await change("alter table goals alter column title type varchar(700)");
    await prepareAgain();
    await change(WIDEN_TITLE);
    expect(await DaoUnitOfWork.run(database, work, { retries: 1 })).toMatchObject({ title: "Swim" });
    expect(await goals.getGoal(goal.id)).toMatchObject({ title: "Swim" });

    async function prepareAgain() {
      for (let n = 0; n < 3; n++) await DaoUnitOfWork.run(database, work, { retries: 1 });
    }
  });

  test("a statement that does not fit the schema even when prepared again fails with that error, and costs no clients", async () => {
    const { goals, all } = await prepared();
    const { nextCursor } = await goals.listGoals({ pageSize: 1 });
    const list = () => goals.listGoals({ cursor: nextCursor ?? "" });
    await all(list);
    await change("alter table milestones drop constraint milestones_goal_id_fkey");
    await change("alter table tasks drop constraint tasks_goal_id_fkey");
    await change("alter table conversations drop constraint conversations_goal_id_fkey");
    await change("alter table goals alter column id drop default, alter column id type text");
    for (let n = 0; n < 6; n++) await expect(list()).rejects.toMatchObject({ code: "42883" });
    expect(dropped).toBe(1);
  });
});

describe("a lost prepared statement", () => {
  test("is prepared again after a DEALLOCATE ALL", async () => {
    const { goals, goal } = await prepared();
    await onEveryClient((client) => client.query("deallocate all"));
    expect(await goals.getGoal(goal.id)).toEqual(goal);
    expect(dropped).toBe(1);
    // None of the other clients runs into its own lost statements.
    for (let n = 0; n < 6; n++) expect(await goals.getGoal(goal.id)).toEqual(goal);
  });

  test("again within a minute names prepare: false", async () => {
    const { goals, goal, database } = await prepared();
    const lose = () => onEveryClient((client) => client.query("deallocate all"));
    await lose();
    expect(await goals.getGoal(goal.id)).toEqual(goal);
    await Promise.all([1, 2, 3].map(() => goals.getGoal(goal.id)));
    await lose();
    await expect(goals.getGoal(goal.id)).rejects.toThrow(/prepare: false/);
    await Promise.all([1, 2, 3].map(() => goals.getGoal(goal.id)));
    await lose();
    const run = DaoUnitOfWork.run(database, (uow) => uow.goals.findById(goal.id), { retries: 3 });
    await expect(run).rejects.toThrow(UnavailableError);
  });
});

describe("a read-only server", () => {
  const readOnly = (is: "on" | "off") =>
    change(`begin read write;
      alter database "${new URL(testDatabase.url).pathname.slice(1)}" set default_transaction_read_only = ${is}; commit`);

  test("is unavailable, and its clients are discarded, so that writes succeed once it accepts them again", async () => {
    await readOnly("on");
    const { users } = createDaoServices(joinPgPool(pool));
    await expect(users.createUser(makeUserData())).rejects.toThrow(UnavailableError);
    const run = DaoUnitOfWork.run(joinPgPool(pool), (uow) => uow.users.create(makeUserData()));
    await expect(run).rejects.toThrow(UnavailableError);
    expect(dropped).toBe(2);
    expect((await users.listUsers()).total).toBe(0);
    await readOnly("off");
    // The first writes get the clients that have only read, a page and its total, and discard them.
    for (const _ of ["page", "total"]) await users.createUser(makeUserData()).catch(() => undefined);
    await users.createUser(makeUserData());
  });

  test("is not assumed after a write in the caller's own readOnly unit of work", async () => {
    const run = DaoUnitOfWork.run(joinPgPool(pool), (uow) => uow.users.create(makeUserData()), { readOnly: true });
    await expect(run).rejects.toMatchObject({ code: "unit_of_work_misused" });
    expect(dropped).toBe(0);
  });
});
