import {
  createDaoServices,
  DaoUnitOfWork,
  NotFoundError,
  openDatabase,
  RetryableError,
  type TransactionOptions,
  UnavailableError,
  UnitOfWorkMisuseError,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { citusSessions } from "./citus.ts";
import { hostSessions, ofThisRun, type TestSession } from "./hosts.ts";

const engines = ofThisRun<{ engine: string; open(): Promise<TestSession> }>(
  [
    { engine: "PostgreSQL", open: () => createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 3 }) },
    { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "" }) },
    ...citusSessions({ poolSize: 3 }),
  ],
  hostSessions(3),
);

describe.each(engines)("a unit of work on $engine", ({ open }) => {
  let testDatabase: TestSession;
  beforeAll(async () => {
    testDatabase = await open();
  });
  afterAll(() => testDatabase.drop());

  const database = () => testDatabase.database;
  const services = () => createDaoServices(database());
  const exists = async (email: string) => (await services().users.listUsers({ email })).total === 1;

  test("commits what its callback did, and returns what it returned", async () => {
    const data = makeUserData();
    const goal = await DaoUnitOfWork.run(database(), async (uow) => {
      const user = await uow.users.create(data);
      return uow.goals.create({ userId: user.id, title: "Learn Spanish" });
    });
    expect((await services().goals.getGoal(goal.id)).title).toBe("Learn Spanish");
    expect(await exists(data.email)).toBe(true);
  });

  test("rolls everything back when its callback rejects, and rejects with the same error", async () => {
    const data = makeUserData();
    const mine = new Error("mine");
    const run = DaoUnitOfWork.run(database(), async (uow) => {
      await uow.users.create(data);
      throw mine;
    });
    await expect(run).rejects.toBe(mine);
    expect(await exists(data.email)).toBe(false);
  });

  test("rethrows what its callback throws unchanged, even if it looks like an error of the database", async () => {
    const mine = Object.assign(new Error("no such file"), { code: "ENOENT" });
    const throwMine = async () => {
      throw mine;
    };
    await expect(DaoUnitOfWork.run(database(), throwMine)).rejects.toBe(mine);
    await expect(DaoUnitOfWork.run(database(), (uow) => DaoUnitOfWork.run(uow, throwMine))).rejects.toBe(mine);
  });

  test("is a session: services work inside it", async () => {
    const data = makeUserData();
    const run = DaoUnitOfWork.run(database(), async (uow) => {
      const user = await createDaoServices(uow).users.createUser(data);
      expect((await createDaoServices(uow).users.getUser(user.id)).email).toBe(data.email);
      await createDaoServices(uow).users.deleteUser(user.id);
      await createDaoServices(uow).users.getUser(user.id);
    });
    await expect(run).rejects.toBeInstanceOf(NotFoundError);
  });

  test("nested: a caught failure rolls only the inner one back", async () => {
    const [kept, undone, late] = [makeUserData(), makeUserData(), makeUserData()];
    await DaoUnitOfWork.run(database(), async (uow) => {
      await uow.users.create(kept);
      const inner = DaoUnitOfWork.run(uow, async (nested) => {
        await nested.users.create(undone);
        await nested.users.create(kept);
      });
      await expect(inner).rejects.toMatchObject({ code: "conflict", field: "email" });
      await uow.users.create(late);
    });
    expect([await exists(kept.email), await exists(undone.email), await exists(late.email)]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("nested three deep: the middle one rolls back with what is inside it", async () => {
    const [outer, middle, inner] = [makeUserData(), makeUserData(), makeUserData()];
    await DaoUnitOfWork.run(database(), async (uow) => {
      await uow.users.create(outer);
      await DaoUnitOfWork.run(uow, async (second) => {
        await second.users.create(middle);
        await DaoUnitOfWork.run(second, (third) => third.users.create(inner));
        throw new Error("middle");
      }).catch(() => undefined);
    });
    expect([await exists(outer.email), await exists(middle.email), await exists(inner.email)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("runs its statements one by one, even if they are called concurrently", async () => {
    const data = Array.from({ length: 20 }, () => makeUserData());
    const users = await DaoUnitOfWork.run(database(), (uow) => Promise.all(data.map((one) => uow.users.create(one))));
    expect(users.map((user) => user.email)).toEqual(data.map((one) => one.email));
  });

  test("refuses to commit after the error of a failed statement was swallowed", async () => {
    const data = makeUserData();
    const run = DaoUnitOfWork.run(database(), async (uow) => {
      await uow.users.create(data);
      await uow.users.create(data).catch(() => undefined);
    });
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    expect(await exists(data.email)).toBe(false);
  });

  test("refuses to commit while a promise was not awaited", async () => {
    const [awaited, forgotten] = [makeUserData(), makeUserData()];
    const run = DaoUnitOfWork.run(database(), async (uow) => {
      await uow.users.create(awaited);
      void uow.users.create(forgotten).catch(() => undefined);
    });
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    expect([await exists(awaited.email), await exists(forgotten.email)]).toEqual([false, false]);
  });

  test("cannot be used after it ended", async () => {
    const escaped = await DaoUnitOfWork.run(database(), async (uow) => uow);
    await expect(escaped.users.create(makeUserData())).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    await expect(DaoUnitOfWork.run(escaped, async () => undefined)).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("two concurrent nested ones, or the outer one inside the inner one, fail at once", async () => {
    const run = DaoUnitOfWork.run(database(), async (uow) => {
      const first = DaoUnitOfWork.run(uow, (nested) => nested.users.create(makeUserData()));
      const second = DaoUnitOfWork.run(uow, (nested) => nested.users.create(makeUserData()));
      await expect(second).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      await first;
      await DaoUnitOfWork.run(uow, () => uow.users.create(makeUserData()));
    });
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("calls afterCommit callbacks after the commit, in order, and not after a rollback", async () => {
    const calls: string[] = [];
    const data = makeUserData();
    await DaoUnitOfWork.run(database(), async (uow) => {
      uow.afterCommit(async () => {
        calls.push(`outer, visible: ${await exists(data.email)}`);
      });
      await uow.users.create(data);
      await DaoUnitOfWork.run(uow, async (nested) => nested.afterCommit(() => void calls.push("nested")));
      await DaoUnitOfWork.run(uow, async (nested) => {
        nested.afterCommit(() => void calls.push("never"));
        throw new Error("undone");
      }).catch(() => undefined);
      expect(calls).toEqual([]);
    });
    expect(calls).toEqual(["outer, visible: true", "nested"]);
    const failing = DaoUnitOfWork.run(database(), async (uow) => {
      uow.afterCommit(() => void calls.push("never"));
      throw new Error("rolled back");
    });
    await expect(failing).rejects.toThrow("rolled back");
    expect(calls).toHaveLength(2);
  });

  test("calls any number of afterCommit callbacks of a nested unit of work", async () => {
    let calls = 0;
    await DaoUnitOfWork.run(database(), (uow) =>
      DaoUnitOfWork.run(uow, async (nested) => {
        for (let n = 0; n < 200_000; n++) nested.afterCommit(() => void calls++);
      }),
    );
    expect(calls).toBe(200_000);
  });

  test("an afterCommit callback runs even if an earlier one failed", async () => {
    const calls: string[] = [];
    const run = DaoUnitOfWork.run(database(), async (uow) => {
      uow.afterCommit(() => {
        throw new Error("no mail");
      });
      uow.afterCommit(() => void calls.push("cache cleared"));
    });
    await expect(run).rejects.toThrow("no mail");
    expect(calls).toEqual(["cache cleared"]);
  });

  test("supports neither afterCommit nor retries inside a transaction that it did not begin, or after its end", async () => {
    await database().transaction(async (session) => {
      const run = DaoUnitOfWork.run(session, async (uow) => uow.afterCommit(() => undefined));
      await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      const retried = DaoUnitOfWork.run(session, async () => undefined, { retries: 1 });
      await expect(retried).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    });
    const ended = await DaoUnitOfWork.run(database(), async (uow) => uow);
    expect(() => ended.afterCommit(() => undefined)).toThrow(UnitOfWorkMisuseError);
  });

  test("an error of an afterCommit callback reaches the caller, is not retried, and rolls nothing back", async () => {
    const data = makeUserData();
    let runs = 0;
    const run = DaoUnitOfWork.run(
      database(),
      async (uow) => {
        runs++;
        await uow.users.create(data);
        uow.afterCommit(() => {
          throw new RetryableError("late");
        });
      },
      { retries: 3 },
    );
    await expect(run).rejects.toThrow("late");
    expect(runs).toBe(1);
    expect(await exists(data.email)).toBe(true);
  });

  test("is read-only if requested", async () => {
    const run = DaoUnitOfWork.run(database(), (uow) => uow.users.create(makeUserData()), { readOnly: true });
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("an isolation level is one of three, and never SQL", async () => {
    const options: TransactionOptions = JSON.parse('{ "isolationLevel": "serializable; rollback" }');
    const run = DaoUnitOfWork.run(database(), async () => undefined, options);
    await expect(run).rejects.toMatchObject({ code: "validation_failed", issues: [{ path: "isolationLevel" }] });
  });

  test("retries that are no number do not repeat it for ever", async () => {
    const run = DaoUnitOfWork.run(database(), async () => undefined, { retries: Number("five") });
    await expect(run).rejects.toMatchObject({ code: "validation_failed", issues: [{ path: "retries" }] });
  });

  test("options of the whole transaction are rejected in a nested one", async () => {
    const run = DaoUnitOfWork.run(database(), (uow) =>
      DaoUnitOfWork.run(uow, async () => undefined, { isolationLevel: "serializable" }),
    );
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("an abort between two statements rolls back, with the signal's reason", async () => {
    const data = makeUserData();
    const controller = new AbortController();
    const reason = new Error("enough");
    const run = DaoUnitOfWork.run(
      database(),
      async (uow) => {
        await uow.users.create(data);
        controller.abort(reason);
        await uow.users.create(makeUserData());
      },
      { signal: controller.signal },
    );
    await expect(run).rejects.toBe(reason);
    expect(await exists(data.email)).toBe(false);
  });
});

describe("on PostgreSQL, under concurrent work", () => {
  let testDatabase: TestDatabase;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 3 });
  });
  afterAll(() => testDatabase.drop());

  /** Two serializable units of work that read what the other one writes: PostgreSQL lets only one of them commit. */
  async function collide(retries: number): Promise<{ runs: number; outcomes: PromiseSettledResult<void>[] }> {
    const { database } = testDatabase;
    const user = await database.users.create({ ...makeUserData(), preferences: { count: 0 } });
    let runs = 0;
    let arrived = 0;
    let meet: () => void = () => undefined;
    const bothHaveRead = new Promise<void>((resolve) => {
      meet = resolve;
    });
    const increment = () =>
      DaoUnitOfWork.run(
        database,
        async (uow) => {
          runs++;
          const { preferences } = (await uow.users.findById(user.id)) ?? user;
          if (++arrived === 2) meet();
          await bothHaveRead;
          await uow.users.update(user.id, { preferences: { count: Number(preferences["count"]) + 1 } });
        },
        { isolationLevel: "serializable", retries },
      );
    const outcomes = await Promise.allSettled([increment(), increment()]);
    const after = await database.users.findById(user.id);
    expect(after?.preferences).toEqual({ count: outcomes.filter(({ status }) => status === "fulfilled").length });
    return { runs, outcomes };
  }

  test("a serialization failure is a RetryableError, and nothing of the loser is kept", async () => {
    const { runs, outcomes } = await collide(0);
    expect(runs).toBe(2);
    const rejected = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(rejected).toHaveLength(1);
    expect(rejected[0]?.reason).toBeInstanceOf(RetryableError);
  });

  test("with retries both succeed", async () => {
    const { runs, outcomes } = await collide(5);
    expect(runs).toBeGreaterThan(2);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
  });

  /** Runs `work` while another client, on connections of its own, has updated the user and not committed yet. */
  async function whileHeld(userId: string, work: () => Promise<void>): Promise<void> {
    await using others = await openDatabase(testDatabase.url, { poolSize: 1 });
    await DaoUnitOfWork.run(others, async (uow) => {
      await uow.users.update(userId, { name: "held" });
      await work();
    });
  }

  test("a lock that is not available within its time-out: UnavailableError", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    await whileHeld(user.id, async () => {
      const blocked = DaoUnitOfWork.run(database, (other) => other.users.update(user.id, { name: "late" }), {
        lockTimeout: 50,
      });
      await expect(blocked).rejects.toBeInstanceOf(UnavailableError);
    });
    expect((await database.users.findById(user.id))?.name).toBe("held");
  });

  test("a statement that exceeds its time-out: UnavailableError", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    await whileHeld(user.id, async () => {
      const blocked = DaoUnitOfWork.run(database, (other) => other.users.update(user.id, { name: "late" }), {
        statementTimeout: 50,
      });
      await expect(blocked).rejects.toBeInstanceOf(UnavailableError);
    });
  });

  test("an abort cancels a running statement, on the server too", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    await whileHeld(user.id, async () => {
      const controller = new AbortController();
      const blocked = database.users.update(user.id, { name: "late" }, { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await expect(blocked).rejects.toThrow(/abort/i);
    });
    expect((await database.users.findById(user.id))?.name).toBe("held");
  });

  test("an abort ends a unit of work in the middle of a statement, with the signal's reason, and the pool remains usable", async () => {
    const { database } = testDatabase;
    const user = await database.users.create(makeUserData());
    const [data, reason] = [makeUserData(), new Error("enough")];
    await whileHeld(user.id, async () => {
      const controller = new AbortController();
      const blocked = DaoUnitOfWork.run(
        database,
        async (other) => {
          await other.users.create(data);
          setTimeout(() => controller.abort(reason), 50);
          await other.users.update(user.id, { name: "late" });
        },
        { signal: controller.signal },
      );
      await expect(blocked).rejects.toBe(reason);
    });
    expect((await database.users.list({ email: data.email })).total).toBe(0);
  });

  test("more transactions than connections: they queue, and all commit", async () => {
    await using patient = await openDatabase(testDatabase.url, { poolSize: 3, acquireTimeout: 60_000 });
    const names = Array.from({ length: 40 }, () => makeUserData());
    const users = await Promise.all(names.map((data) => DaoUnitOfWork.run(patient, (uow) => uow.users.create(data))));
    expect(new Set(users.map(({ id }) => id)).size).toBe(40);
  });

  test("when no connection is released in time the caller gets an error, and the pool remains usable", async () => {
    const { database } = testDatabase;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let held = 0;
    const holders = Array.from({ length: 3 }, () =>
      DaoUnitOfWork.run(database, () => {
        held++;
        return released;
      }),
    );
    await expect.poll(() => held).toBe(3);
    // A short acquireTimeout would also limit opening connections, which takes long on a busy machine.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const late = expect(database.users.findById("0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e")).rejects;
      const rejected = late.toThrow(/^No connection was free within 5000 ms/);
      while (vi.getTimerCount() === 0) await new Promise(setImmediate);
      await vi.advanceTimersByTimeAsync(5_000);
      await rejected;
    } finally {
      vi.useRealTimers();
      release();
    }
    await Promise.all(holders);
    expect(await database.users.findById("0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e")).toBeNull();
  });

  test("a closed database rejects calls, after running work has finished", async () => {
    const own = await createTestDatabase({ serverUrl: inject("adminUrl") });
    const data = makeUserData();
    const running = DaoUnitOfWork.run(own.database, (uow) => uow.users.create(data));
    await own.database.close();
    expect((await running).email).toBe(data.email);
    await expect(own.database.users.findById("0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e")).rejects.toBeInstanceOf(
      UnavailableError,
    );
    await own.drop();
  });
});
