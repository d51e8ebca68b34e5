import { getEventListeners } from "node:events";
import { createDaoServices, DaoUnitOfWork, Database, joinDrizzle, joinPgPool } from "@flux/dao-core";
import { makeGoalData, makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findFreePort } from "../../../scripts/postgres/free-port.ts";
import { amount } from "../../../test/depth.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { driversOfThisRun } from "./every-driver.ts";
import { openPool } from "./pg-pool.ts";
import { postgresLocation } from "./postgres-location.ts";

/** How often each operation is called with the one signal, unless it specifies another number. */
const CALLS = amount(20, 100);

const warnings: Error[] = [];
const note = (warning: Error) => warnings.push(warning);
beforeEach(() => {
  process.on("warning", note);
});
afterEach(() => {
  process.off("warning", note);
  expect(warnings).toEqual([]);
});

/** What the calls have left on the signal: listeners, and Node's dependent signals. */
function kept(signal: AbortSignal): number {
  const own: unknown[] = Object.getOwnPropertySymbols(signal).map((symbol) => Reflect.get(signal, symbol));
  const dependants = own.map((value) => (value instanceof Set ? value.size : 0));
  return dependants.reduce((sum, size) => sum + size, getEventListeners(signal, "abort").length);
}

type Entry = (database: Database, signal: AbortSignal) => Promise<unknown>;

/** Runs twenty calls at a time, `calls` in total. */
async function callOften(entry: Entry, database: Database, signal: AbortSignal, calls = CALLS): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  const callSome = async () => {
    while (calls-- > 0) outcomes.push(await entry(database, signal).catch((error: unknown) => error));
  };
  await Promise.all(Array.from({ length: 20 }, callSome));
  return outcomes;
}

const entries: readonly { what: string; entry: Entry; calls?: number }[] = [
  {
    what: "a statement",
    calls: amount(20, 1_000),
    entry: (database, signal) => database.users.list({ pageSize: 1 }, { signal }),
  },
  {
    what: "a statement with a timeout",
    entry: (database, signal) => database.users.list({ pageSize: 1 }, { signal, timeout: 60_000 }),
  },
  {
    what: "a statement that fails",
    entry: (database, signal) => database.goals.create(makeGoalData(crypto.randomUUID()), { signal }),
  },
  {
    what: "a unit of work with a statement",
    entry: (database, signal) =>
      DaoUnitOfWork.run(
        database,
        (uow) => DaoUnitOfWork.run(uow, ({ users }) => users.list({ pageSize: 1 }, { signal }), { signal }),
        { signal, retries: 1 },
      ),
  },
  {
    what: "a unit of work that fails",
    entry: (database, signal) => DaoUnitOfWork.run(database, () => Promise.reject(new Error("fails")), { signal }),
  },
  {
    what: "an import, and an abandoned stream",
    calls: amount(1, 4),
    async entry(database, signal) {
      const { users, goals, tasks } = createDaoServices(database);
      const user = await users.createUser(makeUserData());
      const goal = await goals.createGoal(makeGoalData(user.id));
      const source = Array.from({ length: 1_001 }, () => makeTaskData(user.id, goal.id));
      await tasks.createTasks(source, { signal });
      for await (const task of tasks.streamTasks({ goalId: goal.id }, { signal })) if (task.title !== "") break;
    },
  },
];

describe.each(driversOfThisRun)("a signal that $driver gets with every call", ({ open }) => {
  test("has no listener left afterwards, whether it aborts or not", async () => {
    await using scene = await open();
    const { signal } = new AbortController();
    for (const { what, entry, calls } of entries) {
      const outcomes = await callOften(entry, scene.database, signal, calls);
      expect(outcomes.filter((outcome) => outcome instanceof Error && outcome.name === "AbortError")).toEqual([]);
      expect({ what, kept: kept(signal) }).toEqual({ what, kept: 0 });
    }
    for (const { what, entry, calls = CALLS } of entries) {
      const controller = new AbortController();
      const calling = callOften(entry, scene.database, controller.signal, Math.min(calls, 40));
      setImmediate(() => controller.abort());
      await calling;
      expect({ what, kept: kept(controller.signal) }).toEqual({ what, kept: 0 });
    }
  }, 120_000);
});

const list: Entry = (database, signal) => database.users.list({}, { signal });

test("a signal of calls that get no connection has no listener left afterwards", async () => {
  const url = `postgres://user:secret@127.0.0.1:${await findFreePort()}/db`;
  const pool = openPool(url, 2);
  const driver = postgresDriver(postgresLocation(url), { poolSize: 2 });
  const ours = new Database(driver, {});
  const { signal } = new AbortController();
  for (const database of [joinPgPool(pool), joinDrizzle(drizzlePg(pool)), ours]) {
    const outcomes = await callOften(list, database, signal, CALLS);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ code: "unavailable" });
    const units = await callOften(
      (given) => DaoUnitOfWork.run(given, ({ users }) => users.list(), { signal }),
      database,
      signal,
      40,
    );
    for (const outcome of units) expect(outcome).toMatchObject({ code: "unavailable" });
    await database.close();
  }
  await pool.end();
  expect(kept(signal)).toBe(0);
});
