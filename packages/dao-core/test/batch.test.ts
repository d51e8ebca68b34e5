import {
  type BatchOperation,
  createDaoServices,
  DaoUnitOfWork,
  Database,
  isDaoError,
  openDatabase,
  RetryableError,
  type UserDto,
  versionOf,
} from "@flux/dao-core";
import {
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parseDatabaseUrl } from "../src/connection-string/database-url.ts";
import { type PostgresDriver, postgresDriver } from "../src/drivers/postgres/driver.ts";
import type { SqlDriver, SqlTransaction } from "../src/session/driver.ts";

const ABORT = "do $$ begin raise exception using errcode = '40001'; end $$";

let testDatabase: TestDatabase;
let driver: PostgresDriver;
let user: UserDto;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const location = parseDatabaseUrl(testDatabase.url);
  if (location.kind !== "postgres") throw new Error("needs a server");
  driver = postgresDriver(location);
  user = await createDaoServices(testDatabase.database).users.createUser(makeUserData());
});
afterAll(async () => {
  await driver.close();
  await testDatabase.drop();
});

/** A database that records what is sent, and of which the server aborts the statements with these numbers, from 0. */
function recorded(...aborted: number[]) {
  const sent: string[] = [];
  const recording = (transaction: SqlTransaction): SqlTransaction => ({
    execute: (text, parameters, options) => {
      const isAborted = aborted.includes(sent.push(text.split(" ")[0] ?? "") - 1);
      return isAborted ? transaction.execute(ABORT, [], options) : transaction.execute(text, parameters, options);
    },
    savepoint: (work, options) => {
      sent.push("savepoint");
      return transaction.savepoint((inner) => work(recording(inner)), options);
    },
  });
  const wrapped: SqlDriver = {
    description: driver.description,
    isTransaction: false,
    execute: (text, parameters, options) => {
      sent.push(`alone: ${text}`);
      return driver.execute(text, parameters, options);
    },
    transaction: (work, options) => {
      sent.push("begin");
      return driver.transaction((inner) => work(recording(inner)), options);
    },
    close: () => Promise.resolve(),
  };
  const database = new Database(wrapped);
  return { database, services: createDaoServices(database), sent };
}

const goalsOf = async ({ id }: UserDto) =>
  (await testDatabase.database.goals.list({ userId: id, count: "exact" })).total;

const creation = (): BatchOperation<"goals.createGoal"> => ["goals.createGoal", makeGoalData(user.id)];

test("takes one transaction and the statements of its operations; a conditional write needs no savepoint", async () => {
  const goal = await testDatabase.database.goals.create(makeGoalData(user.id));
  const { services, sent } = recorded();
  await services.batch([
    creation(),
    ["goals.updateGoal", goal.id, { title: "Other" }, { ifVersion: versionOf(goal) }],
    ["demoFlags.putDemoFlags", user.id, {}],
    ["demoFlags.putDemoFlags", user.id, {}, { ifVersion: "*" }],
    ["goals.getGoal", goal.id],
  ]);
  expect(sent).toEqual(["begin", "insert", "select", "update", "insert", "select", "insert", "select"]);
});

describe("a serialization failure", () => {
  test("has the whole batch run again", async () => {
    const before = (await goalsOf(user)) ?? 0;
    const { services, sent } = recorded(2, 5);
    const results = await services.batch([creation(), creation()]);
    expect(sent).toEqual(["begin", "insert", "insert", "begin", "insert", "insert", "begin", "insert", "insert"]);
    expect(new Set(results.map(({ id }) => id)).size).toBe(2);
    expect(await goalsOf(user)).toBe(before + 2);
  });

  test("is a RetryableError without retries", async () => {
    const before = await goalsOf(user);
    const failed = recorded(2).services.batch([creation(), creation()], { retries: 0 });
    await expect(failed).rejects.toThrow(RetryableError);
    expect(await goalsOf(user)).toBe(before);
    await expect(recorded().services.batch([creation()], { retries: -1 })).rejects.toMatchObject({
      issues: [{ path: "retries" }],
    });
  });
});

test("a list that its caller changes meanwhile is run as it was", async () => {
  const { services } = recorded();
  const operations = [creation()];
  const running = services.batch(operations);
  operations.push(creation());
  expect(await running).toHaveLength(1);
});

describe("within a unit of work", () => {
  test("a batch is a savepoint: its failure is undone, and the unit of work continues", async () => {
    const before = (await goalsOf(user)) ?? 0;
    const { database, sent } = recorded();
    await DaoUnitOfWork.run(database, async (uow) => {
      const { batch, goals } = createDaoServices(uow);
      const failing: BatchOperation = ["tasks.createTask", makeTaskData(user.id, crypto.randomUUID())];
      const error = await batch([creation(), failing]).catch((reason: unknown) => reason);
      expect(isDaoError(error) && [error.code, error.operation]).toEqual(["related_row_missing", 1]);
      await batch([creation(), creation()]);
      await goals.createGoal(makeGoalData(user.id));
    });
    expect(sent.filter((text) => text === "savepoint")).toHaveLength(2);
    expect(await goalsOf(user)).toBe(before + 3);
  });

  test("only the outermost can be retried, and batches run one after the other", async () => {
    await DaoUnitOfWork.run(testDatabase.database, async (uow) => {
      const { batch } = createDaoServices(uow);
      await expect(batch([creation()], { retries: 1 })).rejects.toMatchObject({ code: "unit_of_work_misused" });
      const [first, second] = await Promise.allSettled([batch([creation()]), batch([creation()])]);
      expect([first?.status, second?.status]).toEqual(["fulfilled", "rejected"]);
    });
  });
});

test("a batch ends at its time-out, and its connection is free", async () => {
  const { database } = testDatabase;
  const { batch } = createDaoServices(database);
  const goal = await database.goals.create(makeGoalData(user.id));
  const before = await goalsOf(user);
  // Not the batch's own session: that is refused within a unit of work on it.
  const other = new Database(driver);
  await DaoUnitOfWork.run(other, async (uow) => {
    await uow.goals.lockById(goal.id);
    const blocked = batch([creation(), ["goals.updateGoal", goal.id, { title: "Other" }]], { timeout: 300 });
    await expect(blocked).rejects.toMatchObject({ code: "unavailable" });
  });
  expect(await goalsOf(user)).toBe(before);
});

test("what the caller changes after the call, which waits for its transaction, is not part of it", async () => {
  // Without a connection yet.
  await using database = await openDatabase(testDatabase.url, { verify: false });
  const services = createDaoServices(database);
  const [goal, preferences, startTime] = [makeGoalData(user.id, { title: "called" }), { theme: "called" }, new Date(0)];
  const { id: goalId } = await createDaoServices(testDatabase.database).goals.createGoal(goal);
  const batch = services.batch([
    ["goals.createGoal", goal],
    ["users.updateUser", user.id, { preferences }],
    ["tasks.createTask", makeTaskData(user.id, goalId, { startTime })],
  ]);
  goal.title = preferences.theme = "changed";
  startTime.setTime(1);
  expect(await batch).toMatchObject([
    { title: "called" },
    { preferences: { theme: "called" } },
    { startTime: new Date(0) },
  ]);
  preferences.theme = "called";
  const ifVersion = versionOf(await services.users.getUser(user.id));
  const update = services.users.updateUser(user.id, { preferences }, { ifVersion });
  preferences.theme = "changed";
  expect((await update).preferences).toEqual({ theme: "called" });
});
