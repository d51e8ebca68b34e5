import {
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseOptions,
  openDatabase,
  RetryableError,
  UnavailableError,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Database } from "../src/database.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { INCOMPATIBLE_CHANGES } from "./incompatible-changes.ts";
import { postgresLocation } from "./postgres-location.ts";
import { TransactionPooler } from "./transaction-pooler.ts";

let testDatabase: TestDatabase;
let admin: postgres.Sql;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  admin = postgres(testDatabase.url, { max: 1 });
});
afterAll(async () => {
  await admin.end();
  await testDatabase.drop();
});

const types = ["varchar(600)", "text"];

/** Makes every prepared plan on goals one that the server rejects (0A000). */
async function alterGoals(): Promise<void> {
  types.reverse();
  await admin.unsafe(`alter table goals alter column title type ${types[0]}`);
}

async function openWithGoals(options: DatabaseOptions, count = 60) {
  const database = await openDatabase(testDatabase.url, { prepare: true, ...options });
  const services = createDaoServices(database);
  const user = await database.users.create(makeUserData());
  const goals = await Promise.all(
    Array.from({ length: count }, (_, index) => database.goals.create({ userId: user.id, title: `Goal ${index}` })),
  );
  return { database, services, user, ids: goals.map(({ id }) => id) };
}

describe("after ALTER TABLE by another session", () => {
  test("no read returns another one's row, and none fails", async () => {
    const { database, services, ids } = await openWithGoals({ poolSize: 1 });
    const read = (id: string) => services.goals.getGoal(id).then((goal) => [id, goal.id]);
    for (let round = 0; round < 4; round++) {
      const before = ids.slice(0, 40).map(read);
      await alterGoals();
      const rows = await Promise.all([...before, ...ids.map(read), ...ids.map(read)]);
      expect(rows.filter(([asked, got]) => asked !== got)).toEqual([]);
    }
    await database.close();
  });

  test("no write fails, and no statement pipelined after it", async () => {
    const { database, services, ids } = await openWithGoals({ poolSize: 1 });
    const write = (id: string, title: string) =>
      services.goals.updateGoal(id, { title }).then((goal) => [id, title, goal.id, goal.title]);
    for (let round = 0; round < 4; round++) {
      const titles = ids.map((_, index) => `Round ${round}, ${index}`);
      const before = ids.slice(0, 20).map((id, index) => write(id, `${titles[index]} before`));
      await alterGoals();
      const calls = ids.flatMap((id, index) => [write(id, titles[index] ?? ""), services.goals.getGoal(id)]);
      await Promise.all(before);
      const outcomes = await Promise.all(calls);
      const mixed = outcomes.filter((one) => Array.isArray(one) && (one[0] !== one[2] || one[1] !== one[3]));
      expect(mixed).toEqual([]);
    }
    await database.close();
  });

  test("repeatedly under load: every call returns its own row", async () => {
    const { database, services, user, ids } = await openWithGoals({ poolSize: 5 });
    let isOver = false;
    let [answered, created] = [0, 0];
    const wrong: unknown[] = [];
    const work = async (worker: number) => {
      for (let turn = 0; !isOver; turn++) {
        const id = ids[(worker * 7 + turn) % ids.length] ?? "";
        const kind = turn % 4;
        if (kind === 0) {
          await services.goals.createGoal({ userId: user.id, title: "x" });
          created++;
        } else if (kind === 1) await DaoUnitOfWork.run(database, (uow) => uow.goals.findById(id), { retries: 5 });
        else {
          const goal =
            kind === 2
              ? await services.goals.getGoal(id)
              : await services.goals.updateGoal(id, { category: `${turn}` });
          if (goal.id !== id) wrong.push([id, goal.id]);
        }
        answered++;
      }
    };
    const workers = Array.from({ length: 32 }, (_, worker) => work(worker));
    for (let round = 0; round < 6; round++) {
      const until = answered + 500;
      while (answered < until) await new Promise((resolve) => setImmediate(resolve));
      await alterGoals();
    }
    isOver = true;
    await Promise.all(workers);
    expect(wrong).toEqual([]);
    const { total } = await services.goals.listGoals({ userId: user.id, count: "exact" });
    expect(total).toBe(ids.length + created);
    await database.close();
  });

  test.each(INCOMPATIBLE_CHANGES)("calls succeed after the change: %s", async (_, ddl) => {
    await using own = await createTestDatabase({ serverUrl: inject("adminUrl") });
    await using database = await openDatabase(own.url, { poolSize: 3, prepare: true });
    const { users, goals, tasks } = createDaoServices(database);
    const user = await users.createUser(makeUserData());
    const goal = await goals.createGoal({ userId: user.id, title: "Run" });
    const all = async () => {
      const name = ddl.includes("jsonb") ? '"Grace"' : "Grace";
      await Promise.all(
        Array.from({ length: 12 }, () => [
          users.updateUser(user.id, { name }),
          goals.listGoals({ userId: user.id }),
          tasks.createTask({ userId: user.id, goalId: goal.id, title: "Run", state: "missed" }),
        ]).flat(),
      );
    };
    await all();
    await own.database.close();
    const session = postgres(own.url, { max: 1 });
    await session.unsafe(ddl);
    await session.end();
    await all();
    expect((await tasks.listTasks({ userId: user.id })).total).toBe(24);
  });

  test("a statement that does not fit the schema even when prepared again fails with that error, and costs one connection", async () => {
    await using own = await createTestDatabase({ serverUrl: inject("adminUrl") });
    await using database = await openDatabase(own.url, { poolSize: 1, prepare: true, applicationName: "misfit" });
    const { goals, users } = createDaoServices(database);
    const user = await users.createUser(makeUserData());
    for (const title of ["a", "b"]) await goals.createGoal({ userId: user.id, title });
    const { nextCursor } = await goals.listGoals({ pageSize: 1 });
    const list = () => goals.listGoals({ cursor: nextCursor ?? "" });
    await list();
    const session = postgres(own.url, { max: 1 });
    await session.unsafe(`alter table milestones drop constraint milestones_goal_id_fkey;
      alter table tasks drop constraint tasks_goal_id_fkey;
      alter table conversations drop constraint conversations_goal_id_fkey;
      alter table goals alter column id drop default, alter column id type text`);
    const process = async () => (await session`select pid from pg_stat_activity where application_name = 'misfit'`)[0];
    await expect(list()).rejects.toMatchObject({ code: "42883" });
    const after = await process();
    for (let n = 0; n < 6; n++) await expect(list()).rejects.toMatchObject({ code: "42883" });
    // In parallel too: the later ones reuse the statement before the server has refused to prepare it.
    for (let n = 0; n < 3; n++) {
      const calls = await Promise.allSettled(Array.from({ length: 20 }, list));
      expect(calls).toEqual(
        calls.map(() => ({ status: "rejected", reason: expect.objectContaining({ code: "42883" }) })),
      );
    }
    expect(await process()).toEqual(after);
    await session.end();
  });

  test("a unit of work rejects with a RetryableError, and can be retried", async () => {
    const { database, ids } = await openWithGoals({ poolSize: 1 });
    const [id = ""] = ids;
    const rename = (uow: DaoUnitOfWork) => uow.goals.update(id, { title: "New" });
    await DaoUnitOfWork.run(database, rename);
    await alterGoals();
    await expect(DaoUnitOfWork.run(database, rename)).rejects.toBeInstanceOf(RetryableError);
    await DaoUnitOfWork.run(database, rename);
    await alterGoals();
    expect(await DaoUnitOfWork.run(database, rename, { retries: 1 })).toMatchObject({ id, title: "New" });
    await database.close();
  });

  test("a call that was started before close() is retried too", async () => {
    const { database, services, ids } = await openWithGoals({ poolSize: 1 });
    await services.goals.getGoal(ids[0] ?? "");
    await alterGoals();
    const calls = ids.map((id) => services.goals.getGoal(id));
    await Promise.all([database.close(), Promise.all(calls)]);
  });

  test("a call with a signal is retried too", async () => {
    const { database, services, ids } = await openWithGoals({ poolSize: 1 });
    const [id = ""] = ids;
    const { signal } = new AbortController();
    await services.goals.getGoal(id, { signal });
    await alterGoals();
    expect((await services.goals.getGoal(id, { signal })).id).toBe(id);
    await database.close();
  });
});

describe("lost prepared statements", () => {
  function openDriver(poolSize: number) {
    const driver = postgresDriver(postgresLocation(testDatabase.url), { poolSize });
    return { driver, database: new Database(driver) };
  }

  test("are prepared again the first time", async () => {
    const { driver, database } = openDriver(1);
    const user = await database.users.create(makeUserData());
    await database.users.findById(user.id);
    await driver.execute("deallocate all", []);
    const found = await Promise.all(Array.from({ length: 20 }, () => database.users.findById(user.id)));
    expect(found).toEqual(Array.from({ length: 20 }, () => user));
    await database.close();
  });

  test("on one connection after another are an error that names prepare: false", async () => {
    const { driver, database } = openDriver(1);
    const user = await database.users.create(makeUserData());
    for (let time = 0; time < 2; time++) {
      await database.users.findById(user.id);
      await driver.execute("deallocate all", []);
      if (time === 0) expect(await database.users.findById(user.id)).toEqual(user);
    }
    const lost = database.users.findById(user.id);
    await expect(lost).rejects.toBeInstanceOf(UnavailableError);
    await expect(lost).rejects.toThrow("prepare: false");
    await database.users.findById(user.id);
    await driver.execute("deallocate all", []);
    const work = DaoUnitOfWork.run(database, (uow) => uow.users.findById(user.id));
    await expect(work).rejects.toBeInstanceOf(UnavailableError);
    await expect(work).rejects.toThrow("prepare: false");
    await database.close();
  });

  test("behind a transaction-pooling proxy are the same error, and never return another one's row", async () => {
    await using pooler = await TransactionPooler.start(testDatabase.url);
    const database = await openDatabase(pooler.through(testDatabase.url), { poolSize: 6, prepare: true });
    const users = await Promise.all(
      Array.from({ length: 30 }, () => testDatabase.database.users.create(makeUserData())),
    );
    // All six connections are opened before the reads, which would otherwise fit on the first: each unit of work holds its
    // connection until the last one has one.
    let openAll = () => {};
    const allOpen = new Promise<void>((resolve) => {
      openAll = resolve;
    });
    let transactions = 0;
    await Promise.all(
      Array.from({ length: 6 }, () =>
        DaoUnitOfWork.run(database, async (uow) => {
          await uow.users.findById(users[0]?.id ?? "");
          if (++transactions === 6) openAll();
          await allOpen;
        }),
      ),
    );
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => users)
        .flat()
        .map(async (user) => expect(await database.users.findById(user.id)).toEqual(user)),
    );
    const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    expect(reasons.filter((reason) => !(reason instanceof UnavailableError))).toEqual([]);
    expect(reasons.map(String).join()).toContain("prepare: false");
    await database.close(0);
  });
});
