import { createDaoServices, DaoUnitOfWork, Database, type Retry, RetryableError } from "@flux/dao-core";
import {
  contractSuite,
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parseDatabaseUrl } from "../src/connection-string/database-url.ts";
import { type PostgresDriver, postgresDriver } from "../src/drivers/postgres/driver.ts";
import type { SqlDriver, SqlExecutor, SqlParameter, SqlTransaction } from "../src/session/driver.ts";

const ABORT = "do $$ begin raise exception using errcode = '40001'; end $$";

/** Whether the server aborts the next statement; `false` lets it run. */
type Fault = () => boolean;

/** An executor that makes the server abort some statements, so that a transaction is really aborted. */
function faulty(executor: SqlExecutor, fault: Fault): SqlExecutor["execute"] {
  return (text: string, parameters: readonly SqlParameter[], options) =>
    fault() ? executor.execute(ABORT, [], options) : executor.execute(text, parameters, options);
}

function faultyTransaction(transaction: SqlTransaction, fault: Fault): SqlTransaction {
  return {
    execute: faulty(transaction, fault),
    savepoint: (work, options) => transaction.savepoint((inner) => work(faultyTransaction(inner, fault)), options),
  };
}

function faultyDriver(driver: SqlDriver, fault: Fault, inTransactions: Fault = fault): SqlDriver {
  return {
    description: driver.description,
    isTransaction: false,
    execute: faulty(driver, fault),
    transaction: (work, options) =>
      driver.transaction((inner) => work(faultyTransaction(inner, inTransactions)), options),
    close: (timeout) => driver.close(timeout),
  };
}

let testDatabase: TestDatabase;
let driver: PostgresDriver;

beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const location = parseDatabaseUrl(testDatabase.url);
  if (location.kind !== "postgres") throw new Error("needs a server");
  driver = postgresDriver(location);
});
afterAll(async () => {
  await driver.close();
  await testDatabase.drop();
});

/** Aborts as many statements as the list says, one after the other. */
const inTurn =
  (faults: boolean[]): Fault =>
  () =>
    faults.shift() ?? false;

describe("with every tenth statement aborted by the server (40001)", () => {
  let aborted = 0;
  let retried = 0;
  const oneIn = (statements: number) => () => {
    const isRetryableError = Math.random() < 1 / statements;
    if (isRetryableError) aborted++;
    return isRetryableError;
  };
  const services = (inTransactions: Fault) =>
    createDaoServices(
      new Database(faultyDriver(driver, oneIn(10), inTransactions), {
        onRetry: () => {
          retried++;
        },
      }),
    );

  // An import that has consumed a part of its source cannot be repeated: a large one is a RetryableError. A batch is repeated as a
  // whole, nine times: with a tenth of its statements aborted most attempts would fail, and with a hundred statements each.
  const isRepeatable = (name: string) => !/createTasks|streamTasks|a stream|of 100 operations/.test(name);
  const faultsOf = (name: string) => oneIn(name.startsWith("batch") ? 100 : 10);

  test.each(contractSuite.map(({ name, run }) => [name, run] as const))("%s", async (name, run) => {
    await run(services(isRepeatable(name) ? faultsOf(name) : () => false));
  });

  test("an import that has consumed a part of its source is not retried, and has created nothing", async () => {
    const { users, goals, tasks } = createDaoServices(testDatabase.database);
    const user = await users.createUser(makeUserData());
    const goal = await goals.createGoal(makeGoalData(user.id));
    const source = Array.from({ length: 1_500 }, () => makeTaskData(user.id, goal.id));
    const faults = [false, true];
    const importing = createDaoServices(new Database(faultyDriver(driver, inTurn(faults)))).tasks.createTasks(source);
    await expect(importing).rejects.toBeInstanceOf(RetryableError);
    expect((await tasks.listTasks({ goalId: goal.id })).total).toBe(0);
  });

  test("statements were aborted, and retried", () => {
    expect(aborted).toBeGreaterThan(100);
    expect(retried).toBeGreaterThan(100);
  });
});

describe("an aborted single statement", () => {
  test("is retried, and its observer is notified", async () => {
    const retries: Retry[] = [];
    const database = new Database(faultyDriver(driver, inTurn([true, true])), {
      onRetry: (retry) => {
        retries.push(retry);
      },
    });
    const data = makeUserData();
    await createDaoServices(database).users.createUser(data);
    expect((await database.users.list({ email: data.email })).total).toBe(1);
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2]);
    for (const { delay, error } of retries) {
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(40);
      expect(error).toMatchObject({ code: "40001" });
    }
  });

  test("after ten failures is a RetryableError", async () => {
    let attempts = 0;
    const database = new Database(
      faultyDriver(driver, () => {
        attempts++;
        return true;
      }),
    );
    await expect(database.users.list({ count: "none" })).rejects.toBeInstanceOf(RetryableError);
    expect(attempts).toBe(10);
  });

  test("is not retried if the hook throws", async () => {
    const mine = new Error("no more");
    const database = new Database(faultyDriver(driver, inTurn([true])), {
      onRetry: () => {
        throw mine;
      },
    });
    await expect(database.users.list()).rejects.toBe(mine);
  });
});

describe("an aborted unit of work", () => {
  const work = (data: ReturnType<typeof makeUserData>) => async (uow: DaoUnitOfWork) => {
    const user = await uow.users.create(data);
    await uow.goals.create({ userId: user.id, title: "Once" });
    return user.id;
  };

  test("is retried up to `retries` times, and keeps nothing of earlier attempts", async () => {
    const database = new Database(faultyDriver(driver, inTurn([false, true, true])));
    const data = makeUserData();
    const attempts: number[] = [];
    const userId = await DaoUnitOfWork.run(database, work(data), {
      retries: 2,
      onRetry: ({ attempt, error }) => {
        expect(error).toBeInstanceOf(RetryableError);
        attempts.push(attempt);
      },
    });
    expect(attempts).toEqual([1, 2]);
    expect((await database.users.list({ email: data.email })).items.map(({ id }) => id)).toEqual([userId]);
    expect((await database.goals.list({ userId })).total).toBe(1);
  });

  test("rejects with a RetryableError when no retry is left, by default at once", async () => {
    const data = makeUserData();
    const first = new Database(faultyDriver(driver, inTurn([true])));
    await expect(DaoUnitOfWork.run(first, work(data))).rejects.toBeInstanceOf(RetryableError);
    const third = new Database(faultyDriver(driver, inTurn([true, true, true])));
    await expect(DaoUnitOfWork.run(third, work(data), { retries: 2 })).rejects.toBeInstanceOf(RetryableError);
    expect((await first.users.list({ email: data.email })).total).toBe(0);
  });
});
