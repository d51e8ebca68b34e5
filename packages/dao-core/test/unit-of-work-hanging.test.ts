import { once } from "node:events";
import {
  type CallOptions,
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  UnavailableError,
  UnitOfWorkMisuseError,
} from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { driversOfThisRun, type OneConnection, serverDriversOfThisRun } from "./every-driver.ts";
import { add, expectNothing, hang, hangings } from "./hanging-work.ts";

describe.each(driversOfThisRun)("on $driver, work that never settles", ({ open }) => {
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

  test("the deadline of a nested one rolls only that back", async () => {
    let error: unknown;
    const kept = await DaoUnitOfWork.run(scene.database, async (uow) => {
      const late = DaoUnitOfWork.run(
        uow,
        async (inner) => {
          await add(inner);
          await hang();
        },
        { timeout: 500 },
      );
      error = await late.catch((reason: unknown) => reason);
      return add(uow);
    });
    expect(error).toBeInstanceOf(UnavailableError);
    await scene.database.users.delete(kept.id);
    await expectNothing(scene.database);
  });

  test("a nested one whose deadline passes before its start is not started, and the outer one continues", async () => {
    const controller = new AbortController();
    const kept = await DaoUnitOfWork.run(scene.database, async (uow) => {
      const before = add(uow);
      const nested = DaoUnitOfWork.run(uow, add, { signal: controller.signal });
      controller.abort(new Error("enough"));
      await expect(nested).rejects.toThrow("enough");
      await before.then(({ id }) => uow.users.delete(id));
      return add(uow);
    });
    await scene.database.users.delete(kept.id);
    await expectNothing(scene.database);
  });

  test("the wait for the connection ends at the deadline, and at an abort, without losing the connection", async () => {
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

  test.each<{ what: string; again: (uow: DaoUnitOfWork) => Promise<unknown> }>([
    { what: "statements", again: (uow) => uow.users.list() },
    { what: "nested ones that run no statement", again: (uow) => DaoUnitOfWork.run(uow, async () => undefined) },
  ])("a loop of $what lets timers fire, and so signals abort", async ({ again }) => {
    const signal = AbortSignal.timeout(50);
    const run = DaoUnitOfWork.run(
      scene.database,
      async (uow) => {
        for (let count = 0; count < 100_000; count++) await again(uow);
      },
      { signal },
    );
    await expect(run).rejects.toThrow(/timeout/);
    await expectNothing(scene.database);
  });

  test("a loop of single statements lets timers fire too", async () => {
    const { users } = scene.database;
    const signal = AbortSignal.timeout(50);
    const loop = async () => {
      for (let count = 0; count < 100_000; count++) await users.list({}, { signal });
    };
    await expect(loop()).rejects.toThrow(/timeout/);
    await expectNothing(scene.database);
  });

  test("an import whose source hangs before anything is written rejects too, and the source is closed", async () => {
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

  test("a callback that continues can use neither its unit of work nor the session, until it has returned", async () => {
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

describe.each(serverDriversOfThisRun)("on $driver, whose connection no longer delivers anything,", ({ open }) => {
  type Call = (database: DatabaseSession, options: CallOptions, freeze: () => void) => Promise<unknown>;

  /** Settles like `work` in a unit of work, which may be waiting for more. */
  const within = (database: DatabaseSession, work: (uow: DaoUnitOfWork) => Promise<unknown>) =>
    new Promise((resolve, reject) => {
      const run = DaoUnitOfWork.run(database, async (uow) => {
        await add(uow);
        const working = work(uow);
        working.then(resolve, reject);
        await working;
      });
      run.catch(reject);
    });
  const calls: readonly { what: string; call: Call }[] = [
    {
      what: "a single statement",
      call: (database, options, freeze) => {
        freeze();
        return database.users.list({}, options);
      },
    },
    {
      what: "a statement of a unit of work",
      call: (database, options, freeze) =>
        DaoUnitOfWork.run(database, async (uow) => {
          await add(uow);
          freeze();
          return uow.users.list({}, options);
        }),
    },
    {
      what: "a statement that waits for another",
      call: (database, options, freeze) =>
        within(database, (uow) => {
          freeze();
          uow.users.list().catch(() => undefined);
          return uow.users.list({}, options);
        }),
    },
    {
      what: "a nested unit of work that begins",
      call: (database, options, freeze) =>
        within(database, (uow) => {
          freeze();
          return DaoUnitOfWork.run(uow, add, options);
        }),
    },
    {
      what: "one that begins in another",
      call: (database, options, freeze) =>
        within(database, (uow) =>
          DaoUnitOfWork.run(uow, (nested) => {
            freeze();
            return DaoUnitOfWork.run(nested, add, options);
          }),
        ),
    },
    {
      what: "one that waits for a statement of the outer one",
      call: (database, options, freeze) =>
        within(database, (uow) => {
          freeze();
          uow.users.list().catch(() => undefined);
          return DaoUnitOfWork.run(uow, add, options);
        }),
    },
    {
      what: "one that hangs",
      call: (database, options, freeze) =>
        within(database, (uow) =>
          DaoUnitOfWork.run(
            uow,
            async (nested) => {
              await add(nested);
              freeze();
              await hang();
            },
            options,
          ),
        ),
    },
  ];
  test.concurrent.each(calls)("$what rejects at its deadline, and the connection is released", async ({ call }) => {
    await using scene = await open();
    const { database, network } = scene;
    await database.users.list();
    const frozen = call(database, { timeout: 150 }, () => network.freezeOpen());
    await expect(frozen).rejects.toThrow(/not done within its 150 ms/);
    network.thaw();
    // On a reopened connection, postgres.js may reject the first statement with the error that ended the previous one.
    await database.users.list().catch(() => undefined);
    await expectNothing(database);
  });

  test.concurrent.each<{ what: string; goOn: (uow: DaoUnitOfWork) => Promise<unknown> }>([
    { what: "runs a statement", goOn: add },
    { what: "runs another one", goOn: (uow) => DaoUnitOfWork.run(uow, add) },
    { what: "returns", goOn: async () => undefined },
  ])(
    "the outer unit of work rejects as lost when it catches the error of a nested one, and $what",
    async ({ goOn }) => {
      await using scene = await open();
      const { database, network } = scene;
      const reason = new Error("enough");
      const run = DaoUnitOfWork.run(database, async (uow) => {
        await add(uow);
        network.freezeOpen();
        const controller = new AbortController();
        const nested = DaoUnitOfWork.run(uow, add, { signal: controller.signal });
        setTimeout(() => controller.abort(reason), 50);
        await expect(nested).rejects.toBe(reason);
        await goOn(uow);
      });
      await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "rolled_back", cause: reason });
      network.thaw();
      await database.users.list().catch(() => undefined);
      await expectNothing(database);
    },
  );

  test.concurrent("a nested unit of work whose release is dropped ends after its deadline, and leaves nothing behind", async () => {
    await using scene = await open();
    const { database, network } = scene;
    const run = DaoUnitOfWork.run(database, async (uow) => {
      const nested = async (inner: DaoUnitOfWork) => {
        await add(inner);
        network.freezeOpen();
      };
      await DaoUnitOfWork.run(uow, nested, { timeout: 150 });
      await uow.users.list({}, { timeout: 150 });
    });
    await expect(run).rejects.toThrow(/was lost|not done within/);
    network.thaw();
    await database.users.list().catch(() => undefined);
    await expectNothing(database);
  });
});
