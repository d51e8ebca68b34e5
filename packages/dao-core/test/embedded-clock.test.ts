import {
  createDaoServices,
  DaoUnitOfWork,
  type Database,
  type DatabaseOptions,
  openDatabase,
  TransactionLostError,
  UnavailableError,
} from "@flux/dao-core";
import { makeGoalData, makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everyDriver, type OneConnection } from "./every-driver.ts";

async function openEmbedded(options: DatabaseOptions = {}): Promise<Database> {
  const database = await openDatabase("memory://", options);
  await database.migrate();
  return database;
}

/** Statements of an embedded database are awaited without a turn of the event loop. */
const embedded = everyDriver.filter(({ driver }) => driver.includes("PGlite"));

describe.each(embedded)("a loop of awaited statements on $driver", ({ open }) => {
  let scene: OneConnection;
  let database: Database;
  beforeAll(async () => {
    scene = await open();
    database = scene.database;
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  const MANY = 100_000;

  test("does not prevent timers from firing", async () => {
    let isOver = false;
    setTimeout(() => {
      isOver = true;
    }, 20);
    let statements = 0;
    for (; !isOver && statements < MANY; statements++) await database.users.list({ count: "none" });
    expect(statements).toBeLessThan(MANY);
  });

  test.each([
    { what: "a deadline", options: () => ({ timeout: 100 }), error: UnavailableError },
    { what: "a signal", options: () => ({ signal: AbortSignal.timeout(100) }), error: DOMException },
  ])("does not prevent $what from ending it", async ({ options, error }) => {
    const run = DaoUnitOfWork.run(
      database,
      async (uow) => {
        await uow.users.create(makeUserData());
        for (let index = 0; index < MANY; index++) await uow.users.list({ count: "none" });
      },
      options(),
    );
    await expect(run).rejects.toBeInstanceOf(error);
    expect((await database.users.list()).total).toBe(0);
  });

  test("of a nested unit of work ends at its own deadline, and the outer one continues", async () => {
    await DaoUnitOfWork.run(database, async (uow) => {
      const late = DaoUnitOfWork.run(
        uow,
        async (inner) => {
          for (let index = 0; index < MANY; index++) await inner.users.list({ count: "none" });
        },
        { timeout: 50 },
      );
      await expect(late).rejects.toThrow(/not done within its 50 ms/);
      expect((await uow.users.list()).total).toBe(0);
    });
  });

  test("of a nested unit of work ends at its abort, and the outer one continues", async () => {
    await DaoUnitOfWork.run(database, async (uow) => {
      const abort = new AbortController();
      // Fires in the turn of the event loop that a statement yields.
      setTimeout(() => abort.abort(new Error("enough")), 50);
      let statements = 0;
      const aborted = DaoUnitOfWork.run(
        uow,
        async (inner) => {
          for (; statements < MANY; statements++) await inner.users.list({ count: "none" });
        },
        { signal: abort.signal },
      );
      await expect(aborted).rejects.toThrow("enough");
      expect(statements).toBeLessThan(MANY);
      expect((await uow.users.list()).total).toBe(0);
    });
  });

  test("of an import ends at its deadline", async () => {
    const user = await database.users.create(makeUserData());
    const goal = await database.goals.create(makeGoalData(user.id));
    const { tasks } = createDaoServices(database);
    const many = Array.from({ length: 30_000 }, () => makeTaskData(user.id, goal.id));
    await expect(tasks.createTasks(many, { timeout: 100 })).rejects.toThrow(/not done within its 100 ms/);
    expect((await tasks.listTasks()).total).toBe(0);
  });
});

test("closing an embedded database rejects unfinished calls as unavailable", async () => {
  const database = await openEmbedded();
  const calls = Array.from({ length: 20 }, () => database.users.create(makeUserData()));
  const [outcomes] = await Promise.all([Promise.allSettled(calls), database.close(0)]);
  const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  expect(new Set(errors.map((error: unknown) => error instanceof UnavailableError))).toEqual(new Set([true]));
});

describe("a unit of work that hangs on an embedded database", () => {
  const hang = () => new Promise<never>(() => undefined);

  test("is rolled back after idleInTransactionTimeout, and queued calls proceed", async () => {
    await using database = await openEmbedded({ idleInTransactionTimeout: 200 });
    const run = DaoUnitOfWork.run(database, async (uow) => {
      await uow.users.create(makeUserData());
      await DaoUnitOfWork.run(uow, hang);
    });
    const behind = database.users.list();
    await expect(run).rejects.toBeInstanceOf(TransactionLostError);
    await expect(run).rejects.toMatchObject({ outcome: "rolled_back", cause: { code: "unavailable" } });
    expect((await behind).total).toBe(0);
  });

  test("is not rolled back while it runs statements", async () => {
    await using database = await openEmbedded({ idleInTransactionTimeout: 200 });
    const begun = performance.now();
    await DaoUnitOfWork.run(database, async (uow) => {
      while (performance.now() - begun < 600) await uow.users.list({ count: "none" });
    });
  });

  test("is lost when the database is closed, and so are queued calls", async () => {
    const database = await openEmbedded();
    const run = DaoUnitOfWork.run(database, hang);
    const behind = database.users.list();
    const ends = Promise.allSettled([run, behind]);
    await database.close(10);
    expect(await ends).toMatchObject([
      { status: "rejected", reason: { code: "transaction_lost", outcome: "rolled_back" } },
      { status: "rejected", reason: { code: "unavailable" } },
    ]);
  });

  test("an invalid time-out is rejected", async () => {
    await expect(openDatabase("memory://", { idleInTransactionTimeout: -1 })).rejects.toMatchObject({
      code: "validation_failed",
      issues: [{ path: "idleInTransactionTimeout" }],
    });
  });
});
