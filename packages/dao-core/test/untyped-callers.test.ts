import {
  createDaoServices,
  DaoUnitOfWork,
  type Database,
  openDatabase,
  runOnce,
  UnitOfWorkMisuseError,
  ValidationError,
} from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

let testDatabase: TestDatabase;
let database: Database;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  database = testDatabase.database;
});
afterAll(() => testDatabase.drop());

/** Calls a function as a caller without types does. */
const call = async (method: (...args: never[]) => unknown, ...args: unknown[]): Promise<unknown> =>
  Reflect.apply(method, undefined, args);
const work = async () => 1;

describe("what only a caller without types can pass is refused by a sentence that names it", () => {
  test.each([
    ["isolationLevel", { isolationLevel: "serializable; create table injected ()" }],
    ["isolationLevel", { isolationLevel: "repeatable-read" }],
    ["retries", { retries: Number.NaN }],
    ["retries", { retries: "3" }],
    ["signal", { signal: {} }],
    ["signal", { signal: new AbortController() }],
    ["signal", { signal: null }],
  ])("%s of a unit of work: %j", async (name, options) => {
    const run = call(DaoUnitOfWork.run, database, work, options);
    await expect(run).rejects.toBeInstanceOf(ValidationError);
    await expect(run).rejects.toMatchObject({ issues: [{ path: name }] });
  });

  test("the signal of a call", async () => {
    const list = call(database.users.list.bind(database.users), {}, { signal: new AbortController() });
    await expect(list).rejects.toThrow(/signal must be an AbortSignal/);
  });

  test("services, or a database that was not awaited, in place of a database", async () => {
    const opening = openDatabase(testDatabase.url);
    for (const session of [createDaoServices(database), opening, undefined]) {
      await expect(call(DaoUnitOfWork.run, session, work)).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      await expect(call(createDaoServices, session)).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      await expect(call(runOnce, session, { key: "k" }, work)).rejects.toThrow();
    }
    await (await opening).close();
  });

  test("the result of a function in place of the function to call after the commit, before that", async () => {
    const run = DaoUnitOfWork.run(database, (uow) => call(uow.afterCommit.bind(uow), work()));
    await expect(run).rejects.toThrow(/takes a function/);
  });

  test("the work of a unit of work: none, or the options in its place, also of a nested one", async () => {
    const refused = /work must be a function/;
    for (const args of [[], [null], [{ retries: 1 }, work]]) {
      await expect(call(DaoUnitOfWork.run, database, ...args)).rejects.toThrow(refused);
      await DaoUnitOfWork.run(database, async (uow) => {
        await expect(call(DaoUnitOfWork.run, uow, ...args)).rejects.toThrow(refused);
      });
    }
    for (const args of [[], [null]])
      await expect(call(runOnce, database, { key: "none" }, ...args)).rejects.toThrow(refused);
    await expect(call(runOnce, database, work, { key: "swapped" })).rejects.toBeInstanceOf(ValidationError);
  });

  test.each([[Number.NaN], [-1], [null], [{ timeout: 5 }]])("the time-out of close: %j", async (timeout) => {
    await using own = await openDatabase(testDatabase.url, { poolSize: 1 });
    await expect(call(own.close.bind(own), timeout)).rejects.toBeInstanceOf(ValidationError);
    expect((await own.users.list()).page).toBe(1);
  });
});

test("work under a key that returns what JSON does not have is replayed as null", async () => {
  const runKeyed = () => call(runOnce, database, { key: "function" }, async () => work);
  await runKeyed();
  expect(await runKeyed()).toEqual({ result: null, isReplay: true });
});
