import { once } from "node:events";
import {
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  openDatabase,
  runOnce,
  TransactionLostError,
  UnavailableError,
  UnitOfWorkMisuseError,
  type UnitOfWorkOptions,
} from "@flux/dao-core";
import {
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { everyDriver, type OneConnection, serverDrivers } from "./every-driver.ts";

const hang = () => new Promise<never>(() => undefined);

/** A user who must not be there in the end. */
const HANGING = "hanging";
const add = (uow: DaoUnitOfWork) => uow.users.create(makeUserData({ name: HANGING }));

/** Work that never comes to its end, and what it is told by when it should. */
type Hanging = (
  database: DatabaseSession,
  options: Pick<UnitOfWorkOptions, "signal" | "timeout">,
  onHanging: () => void,
) => Promise<unknown>;

const hangings: readonly { what: string; work: Hanging }[] = [
  {
    what: "a callback",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        async (uow) => {
          await add(uow);
          onHanging();
          await hang();
        },
        options,
      ),
  },
  {
    what: "a callback that has begun nothing",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        () => {
          onHanging();
          return hang();
        },
        options,
      ),
  },
  {
    what: "a nested callback",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        (uow) =>
          DaoUnitOfWork.run(uow, (inner) =>
            DaoUnitOfWork.run(inner, async (innermost) => {
              await add(innermost);
              onHanging();
              await hang();
            }),
          ),
        options,
      ),
  },
  {
    what: "a callback whose nested one fails beside it",
    work: (database, options, onHanging) =>
      DaoUnitOfWork.run(
        database,
        async (uow) => {
          await Promise.allSettled([
            DaoUnitOfWork.run(uow, async (inner) => {
              await add(inner);
              throw new Error("fails");
            }).finally(onHanging),
            hang(),
          ]);
        },
        options,
      ),
  },
  {
    what: "work that is done once",
    work: (database, options, onHanging) =>
      runOnce(database, { key: crypto.randomUUID(), ...options }, async (uow) => {
        await add(uow);
        onHanging();
        return hang();
      }),
  },
  {
    what: "an import whose source hangs",
    work: async (database, options, onHanging) => {
      const user = await database.users.create(makeUserData());
      const goal = await database.goals.create(makeGoalData(user.id));
      async function* source() {
        for (let index = 0; index < 2_500; index++) yield makeTaskData(user.id, goal.id);
        onHanging();
        await hang();
      }
      await createDaoServices(database).tasks.createTasks(source(), options);
    },
  },
];

/** Nothing is left of it, and the one connection serves. */
async function expectNothing(database: DatabaseSession): Promise<void> {
  const [users, tasks] = await DaoUnitOfWork.run(database, async (uow) => [
    await uow.users.list(),
    await uow.tasks.list(),
  ]);
  expect(users?.items.filter(({ name }) => name === HANGING)).toEqual([]);
  expect(tasks?.total).toBe(0);
}

describe.each(everyDriver)("on $driver, what never ends", ({ open }) => {
  let scene: OneConnection;
  beforeAll(async () => {
    scene = await open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  test.each(hangings)("$what rejects at its deadline", async ({ work }) => {
    const run = work(scene.database, { timeout: 150 }, () => undefined);
    await expect(run).rejects.toThrow(/not done within its 150 ms/);
    await expectNothing(scene.database);
  });

  test.each(hangings)("$what rejects when its signal aborts", async ({ work }) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const run = work(scene.database, { signal: controller.signal }, () => controller.abort(reason));
    await expect(run).rejects.toBe(reason);
    await expectNothing(scene.database);
  });

  test("the deadline of a nested one undoes that alone", async () => {
    let error: unknown;
    const kept = await DaoUnitOfWork.run(scene.database, async (uow) => {
      const late = DaoUnitOfWork.run(
        uow,
        async (inner) => {
          await add(inner);
          await hang();
        },
        { timeout: 50 },
      );
      error = await late.catch((reason: unknown) => reason);
      return add(uow);
    });
    expect(error).toBeInstanceOf(UnavailableError);
    await scene.database.users.delete(kept.id);
    await expectNothing(scene.database);
  });

  test("the wait for the connection ends at the deadline, and by an abort; the connection is not lost by it", async () => {
    const { database } = scene;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const begun: string[] = [];
    const controller = new AbortController();
    const holding = DaoUnitOfWork.run(database, () => released);
    const late = DaoUnitOfWork.run(database, async () => begun.push("late"), { timeout: 50 });
    const aborted = DaoUnitOfWork.run(database, async () => begun.push("aborted"), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await expect(late).rejects.toThrow(/not done within its 50 ms/);
    release();
    await holding;
    await expectNothing(scene.database);
    expect(begun).toEqual([]);
  });

  test("an import whose source hangs before anything is written rejects too, and the source is told", async () => {
    let wasTold = false;
    const source: AsyncIterable<never> = {
      [Symbol.asyncIterator]: () => ({
        next: hang,
        return: () => {
          wasTold = true;
          return hang();
        },
      }),
    };
    const { tasks } = createDaoServices(scene.database);
    await expect(tasks.createTasks(source, { timeout: 50 })).rejects.toBeInstanceOf(UnavailableError);
    expect(wasTold).toBe(true);
    await expectNothing(scene.database);
  });

  test("a callback that goes on uses neither its unit of work nor the session, until it has ended", async () => {
    const { database } = scene;
    const controller = new AbortController();
    const left: Promise<unknown>[] = [];
    const run = DaoUnitOfWork.run(
      database,
      async (uow) => {
        const aborted = once(controller.signal, "abort");
        controller.abort(new Error("enough"));
        await aborted;
        await run.catch(() => undefined);
        left.push(
          ...[
            add(uow),
            DaoUnitOfWork.run(uow, (inner) => add(inner)),
            database.users.create(makeUserData()),
            DaoUnitOfWork.run(database, (other) => add(other)),
            createDaoServices(database).users.createUser(makeUserData()),
          ].map((late) => late.catch((error: unknown) => error)),
        );
        await Promise.all(left);
        expect(() => uow.afterCommit(() => undefined)).toThrow(UnitOfWorkMisuseError);
        left.push(new Promise(setImmediate).then(() => database.users.list()));
      },
      { signal: controller.signal },
    );
    await expect(run).rejects.toThrow("enough");
    await expect.poll(() => left.length).toBe(6);
    const [first, nested, ...outside] = await Promise.all(left);
    expect(outside.pop()).toMatchObject({ page: 1 });
    for (const error of [first, nested, ...outside]) expect(error).toBeInstanceOf(UnitOfWorkMisuseError);
    for (const error of outside) expect(error).toHaveProperty("message", expect.stringMatching(/has ended before it/));
    await expectNothing(scene.database);
  });
});

type Server = Awaited<ReturnType<(typeof serverDrivers)[number]["open"]>>;

describe.each(serverDrivers)("on $driver, when the connection is lost", ({ open }) => {
  let scene: Server;
  beforeAll(async () => {
    scene = await open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** Ends the one session that has a transaction open, once there is one. */
  async function terminate(): Promise<void> {
    for (;;) {
      const ended = await scene.others`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction'`;
      if (ended.length > 0) return;
    }
  }

  test.each(hangings)("$what rejects, and the next one has another", async ({ work }) => {
    for (let round = 0; round < 3; round++) {
      let terminated: Promise<void> = Promise.resolve();
      const run = work(scene.database, {}, () => {
        terminated = terminate();
      });
      await expect(run).rejects.toBeInstanceOf(TransactionLostError);
      await expect(run).rejects.toMatchObject({ outcome: "rolled_back" });
      await terminated;
      // A client of the application's own may give its next statement to the connection that is just ending.
      await vi.waitFor(() => expectNothing(scene.database), 10_000);
    }
  });

  test("so where the server ends a transaction that idles", async () => {
    const run = DaoUnitOfWork.run(scene.database, async (uow) => {
      await add(uow);
      await DaoUnitOfWork.run(uow, hang);
    });
    await expect(run).rejects.toBeInstanceOf(TransactionLostError);
  });
});

describe("on postgres.js", () => {
  let testDatabase: TestDatabase;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  });
  afterAll(() => testDatabase.drop());

  test("where nothing is prepared, and the server so has no limit, the library ends what idles", async () => {
    const { url } = testDatabase;
    await using database = await openDatabase(url, { poolSize: 1, prepare: false, idleInTransactionTimeout: 200 });
    const run = DaoUnitOfWork.run(database, async (uow) => {
      await add(uow);
      await DaoUnitOfWork.run(uow, hang);
    });
    await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "rolled_back" });
    await expectNothing(database);
  });

  test("closing the database ends what hangs", async () => {
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
