import { DaoUnitOfWork, openDatabase, TransactionLostError } from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { serverDriversOfThisRun } from "./every-driver.ts";
import { add, expectNothing, hang, hangings } from "./hanging-work.ts";

type Server = Awaited<ReturnType<(typeof serverDriversOfThisRun)[number]["open"]>>;

const telling = serverDriversOfThisRun.filter(({ detectsIdleLoss }) => detectsIdleLoss);

describe.each(telling)("on $driver, when the connection is lost", ({ open }) => {
  let scene: Server;
  beforeAll(async () => {
    scene = await open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** Terminates the one session with an open transaction, once there is one. */
  async function terminate(): Promise<void> {
    for (;;) {
      const ended = await scene.others`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction'`;
      if (ended.length > 0) return;
    }
  }

  test.each(hangings)("$what rejects, and the next unit of work gets another connection", async ({ work }) => {
    for (let round = 0; round < 3; round++) {
      let terminated: Promise<void> = Promise.resolve();
      const run = work(scene.database, {}, () => {
        terminated = terminate();
      });
      await expect(run).rejects.toBeInstanceOf(TransactionLostError);
      await expect(run).rejects.toMatchObject({ outcome: "rolled_back" });
      await terminated;
      // An application's client may use the terminating connection for its next statement.
      await vi.waitFor(() => expectNothing(scene.database), 10_000);
    }
  });
});

test.concurrent.each(telling)(
  "on $driver, an idle unit of work is lost when the server ends its session",
  async ({ open }) => {
    await using scene = await open();
    const run = DaoUnitOfWork.run(scene.database, async (uow) => {
      await add(uow);
      await DaoUnitOfWork.run(uow, hang);
    });
    await expect(run).rejects.toBeInstanceOf(TransactionLostError);
  },
);

test.concurrent.each(serverDriversOfThisRun)(
  "on $driver, a deadline applies although the network drops the rollback, and the pool works once it is back",
  async ({ open }) => {
    // A server that ends the session meanwhile would report it into a network that drops it.
    await using scene = await open(60_000);
    const { database, network } = scene;
    const begun = performance.now();
    for (const work of [hang, (uow: DaoUnitOfWork) => uow.users.list()]) {
      const run = DaoUnitOfWork.run(
        database,
        async (uow) => {
          await add(uow);
          network.freeze();
          await work(uow);
        },
        { timeout: 200 },
      );
      await expect(run).rejects.toThrow(/not done within its 200 ms/);
      network.thaw();
      await vi.waitFor(() => expectNothing(database), 10_000);
    }
    // An unresponsive server is considered lost after 32 s.
    expect(performance.now() - begun).toBeLessThan(20_000);
  },
);

describe("on postgres.js", () => {
  let testDatabase: TestDatabase;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  });
  afterAll(() => testDatabase.drop());

  test("without prepared statements the server has no limit, so the library ends idle units of work", async () => {
    const { url } = testDatabase;
    await using database = await openDatabase(url, { poolSize: 1, prepare: false, idleInTransactionTimeout: 200 });
    const run = DaoUnitOfWork.run(database, async (uow) => {
      await add(uow);
      await DaoUnitOfWork.run(uow, hang);
    });
    await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "rolled_back" });
    await expectNothing(database);
  });

  test("closing the database ends hanging work", async () => {
    const database = await openDatabase(testDatabase.url, { poolSize: 1 });
    const run = DaoUnitOfWork.run(database, async (uow) => {
      await add(uow);
      await hang();
    });
    const ended = run.catch((error: unknown) => error);
    await database.close(50);
    expect(await ended).toMatchObject({ code: "transaction_lost", outcome: "rolled_back" });
    await expectNothing(testDatabase.database);
  });
});
