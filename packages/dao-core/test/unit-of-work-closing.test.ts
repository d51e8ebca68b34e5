import { createDaoServices, DaoUnitOfWork, runOnce, UnitOfWorkMisuseError, versionOf } from "@flux/dao-core";
import { makeGoalData, makeTaskData, makeUserData } from "@flux/dao-core/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { driversOfThisRun, type OneConnection } from "./every-driver.ts";

/** Work in progress when its unit of work ends: it writes, waits for that end, and writes again. */
type Stray = (uow: DaoUnitOfWork, ended: () => Promise<void>) => Promise<unknown>;

function newGate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const MARK = "stray";
const add = (uow: Pick<DaoUnitOfWork, "users">) => uow.users.create(makeUserData({ name: MARK }));

const nested: Stray = (uow, ended) =>
  DaoUnitOfWork.run(uow, async (inner) => {
    await add(inner);
    await ended();
    await add(inner);
  });

/** `isIdle`: none of it is open or in flight while it waits, so that a callback which forgets it can be committed. */
const strays: readonly { what: string; isIdle?: true; stray: Stray }[] = [
  { what: "a nested unit of work", stray: nested },
  { what: "one two levels deep", stray: (uow, ended) => DaoUnitOfWork.run(uow, (inner) => nested(inner, ended)) },
  {
    what: "one that catches errors and retries",
    stray: (uow, ended) =>
      DaoUnitOfWork.run(uow, async (inner) => {
        await nested(inner, ended).catch(() => undefined);
        await add(inner).catch(() => add(uow));
      }),
  },
  {
    what: "two concurrent ones",
    stray: (uow, ended) => Promise.all([nested(uow, ended), nested(uow, ended).catch(() => undefined)]),
  },
  {
    what: "sequential statements",
    isIdle: true,
    stray: async (uow, ended) => {
      await add(uow);
      await ended();
      await add(uow);
    },
  },
  {
    what: "concurrent statements",
    stray: (uow, ended) => Promise.all([...Array.from({ length: 30 }, () => add(uow)), ended().then(() => add(uow))]),
  },
  {
    what: "an import",
    stray: async (uow, ended) => {
      const user = await add(uow);
      const goal = await uow.goals.create(makeGoalData(user.id));
      async function* source() {
        for (let index = 0; index < 2_500; index++) yield makeTaskData(user.id, goal.id);
        await ended();
        for (let index = 0; index < 1_000; index++) yield makeTaskData(user.id, goal.id);
      }
      await createDaoServices(uow).tasks.createTasks(source());
    },
  },
  {
    what: "a runOnce",
    stray: (uow, ended) =>
      runOnce(uow, { key: crypto.randomUUID() }, async (inner) => {
        await add(inner);
        await ended();
        await add(inner);
        return null;
      }),
  },
  {
    what: "conditional writes",
    isIdle: true,
    stray: async (uow, ended) => {
      const { users } = createDaoServices(uow);
      const { id } = await add(uow);
      await ended();
      for (;;) {
        const user = await users.getUser(id);
        await users.updateUser(id, { preferences: { again: true } }, { ifVersion: versionOf(user) });
      }
    },
  },
];

const quota = new Error("quota exceeded");

describe.each(driversOfThisRun)("on $driver, after the end of a unit of work", ({ open }) => {
  let scene: OneConnection;
  beforeAll(async () => {
    scene = await open();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const { id } of (await scene.database.users.list()).items) await scene.database.users.delete(id);
  });

  const rows = async () => {
    const { users, tasks } = scene.database;
    return Number((await users.list()).total) + Number((await tasks.list()).total);
  };

  /** Ends a unit of work while `stray` is in progress, which continues in the middle of the next one. */
  async function strand(stray: Stray, end: () => Promise<unknown>): Promise<unknown> {
    const [underWay, ended] = [newGate(), newGate()];
    let work: Promise<unknown> = Promise.resolve();
    const run = DaoUnitOfWork.run(scene.database, async (uow) => {
      await add(uow);
      work = stray(uow, () => {
        underWay.open();
        return ended.opened;
      });
      work.catch(() => undefined);
      await underWay.opened;
      return end();
    });
    const outcome = await run.catch((error: unknown) => error);
    expect(await rows()).toBe(0);
    const kept = await DaoUnitOfWork.run(scene.database, async (uow) => {
      ended.open();
      await expect(work).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      return add(uow);
    });
    expect((await scene.database.users.list()).items.map(({ id }) => id)).toEqual([kept.id]);
    expect(await rows()).toBe(1);
    return outcome;
  }

  test.each(strays)("by an error, nothing of $what is written", async ({ stray }) => {
    const outcome = await strand(stray, () => Promise.reject(quota));
    expect(outcome).toBe(quota);
  });

  test.each(strays.filter(({ isIdle }) => isIdle !== true))(
    "without waiting for it, nothing of $what is written",
    async ({ stray }) => {
      const outcome = await strand(stray, async () => undefined);
      expect(outcome).toBeInstanceOf(UnitOfWorkMisuseError);
    },
  );

  test("a statement that begins as the callback ends cannot undo a fulfilled unit of work", async () => {
    const taken = await add(scene.database);
    for (let turns = 0; turns < 20; turns++) {
      const run = DaoUnitOfWork.run(scene.database, async (uow) => {
        const user = await add(uow);
        let later = Promise.resolve();
        for (let turn = 0; turn < turns; turn++) later = later.then(() => undefined);
        // It would fail.
        later.then(() => uow.users.create(makeUserData({ email: taken.email }))).catch(() => undefined);
        return user;
      });
      const outcome: unknown = await run.catch((error: unknown) => error);
      if (outcome instanceof UnitOfWorkMisuseError) continue;
      expect(outcome).toHaveProperty("id");
      expect(await scene.database.users.findById((await run).id)).toEqual(await run);
    }
  });

  test("within a nested one, the outer one continues", async () => {
    const [underWay, ended] = [newGate(), newGate()];
    let work: Promise<unknown> = Promise.resolve();
    const kept = await DaoUnitOfWork.run(scene.database, async (uow) => {
      const failing = DaoUnitOfWork.run(uow, async (inner) => {
        work = nested(inner, () => {
          underWay.open();
          return ended.opened;
        });
        work.catch(() => undefined);
        await underWay.opened;
        throw quota;
      });
      await expect(failing).rejects.toBe(quota);
      ended.open();
      await expect(work).rejects.toThrow(/outer unit of work ended/);
      return add(uow);
    });
    expect((await scene.database.users.list()).items.map(({ id }) => id)).toEqual([kept.id]);
  });
});
