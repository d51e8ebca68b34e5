import {
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  openDatabase,
  UnitOfWorkMisuseError,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { hostSessions, ofThisRun, type TestSession } from "./hosts.ts";

const unknownId = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

const engines = ofThisRun<{ engine: string; open(): Promise<TestSession> }>(
  [
    { engine: "PostgreSQL", open: () => createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 }) },
    { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "" }) },
  ],
  hostSessions(1),
);

/** Every way to use a session. */
const uses: readonly (readonly [string, (database: DatabaseSession) => Promise<unknown>])[] = [
  ["a read", (database) => database.users.findById(unknownId)],
  ["a write", (database) => database.users.create(makeUserData())],
  ["a service", (database) => createDaoServices(database).users.listUsers()],
  ["a unit of work", (database) => DaoUnitOfWork.run(database, (uow) => uow.users.findById(unknownId))],
  ["a call with a signal", (database) => database.users.findById(unknownId, { signal: new AbortController().signal })],
];

describe.each(engines)("on $engine, inside a unit of work", ({ open }) => {
  let testDatabase: TestSession;
  beforeAll(async () => {
    testDatabase = await open();
  });
  afterAll(() => testDatabase.drop());

  // The unit of work holds the pool's only connection, so waiting would take until the acquire time-out.
  test.each(uses)("%s on the outer session is rejected at once, without side effects", async (_, use) => {
    const { database } = testDatabase;
    const data = makeUserData();
    await DaoUnitOfWork.run(database, async (uow) => {
      await uow.users.create(data);
      await expect(use(database)).rejects.toThrow(/Use the unit of work that the callback was given/);
      await expect(use(database)).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      await DaoUnitOfWork.run(uow, () => expect(use(database)).rejects.toBeInstanceOf(UnitOfWorkMisuseError));
    });
    expect((await database.users.list({ email: data.email })).total).toBe(1);
  });

  test("it is rejected in everything that the callback calls, also after a wait, and under concurrent work", async () => {
    const { database } = testDatabase;
    const outside = DaoUnitOfWork.run(database, (uow) => uow.users.create(makeUserData()));
    const inside = DaoUnitOfWork.run(database, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await Promise.all([1, 2].map(() => expect(database.users.list()).rejects.toBeInstanceOf(UnitOfWorkMisuseError)));
    });
    await Promise.all([outside, inside, database.users.list()]);
  });

  test("work started in the callback may use the session once the unit of work has ended, and so may afterCommit callbacks", async () => {
    const { database } = testDatabase;
    let ended: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    let later: Promise<unknown> | undefined;
    let afterCommit: unknown;
    await DaoUnitOfWork.run(database, async (uow) => {
      later = end.then(() => database.users.findById(unknownId));
      uow.afterCommit(async () => {
        afterCommit = await database.users.findById(unknownId);
      });
    });
    ended();
    expect(await later).toBeNull();
    expect(afterCommit).toBeNull();
  });

  test("a service's own transaction is a savepoint there", async () => {
    const { users } = createDaoServices(testDatabase.database);
    const user = await users.createUser(makeUserData());
    await DaoUnitOfWork.run(testDatabase.database, async (uow) => {
      await createDaoServices(uow).users.updateUser(user.id, { name: "Ada" }, { ifVersion: "*" });
    });
    expect((await users.getUser(user.id)).name).toBe("Ada");
  });
});

describe("with more than one connection", () => {
  let testDatabase: TestDatabase;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 4 });
  });
  afterAll(() => testDatabase.drop());

  test("a unit of work inside the callback of another is rejected at once", async () => {
    const { database } = testDatabase;
    const data = makeUserData();
    let share: (uow: DaoUnitOfWork) => void = () => undefined;
    const shared = new Promise<DaoUnitOfWork>((resolve) => {
      share = resolve;
    });
    const misusing = DaoUnitOfWork.run(database, async () => {
      const foreign = await shared;
      await expect(foreign.users.findById(unknownId)).rejects.toThrow(/another one than the one whose callback/);
      await foreign.users.create(makeUserData());
    });
    const [first, second] = await Promise.allSettled([
      DaoUnitOfWork.run(database, async (uow) => {
        share(uow);
        await uow.users.create(data);
        await misusing.catch(() => undefined);
      }),
      misusing,
    ]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: { code: "unit_of_work_misused" } });
    expect((await database.users.list({ email: data.email })).total).toBe(1);
  });

  test("what an ended one has left behind may use the session inside a later one, which itself may not", async () => {
    const { database } = testDatabase;
    let go = () => {};
    const later = new Promise<void>((resolve) => {
      go = resolve;
    });
    let left: Promise<unknown> | undefined;
    await DaoUnitOfWork.run(database, async () => {
      left = later.then(() => database.users.findById(unknownId));
    });
    await database.users.findById(unknownId);
    await DaoUnitOfWork.run(database, async () => {
      go();
      expect(await left).toBeNull();
      await expect(database.users.findById(unknownId)).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    });
  });

  test("two databases do not interfere, in whichever order they are nested", async () => {
    const { database } = testDatabase;
    await using other = await openDatabase(testDatabase.url, { poolSize: 1 });
    const data = makeUserData();
    await DaoUnitOfWork.run(database, async (outer) => {
      await other.users.list();
      await DaoUnitOfWork.run(other, async (inner) => {
        await outer.users.create(data);
        await inner.users.findById(unknownId);
        await expect(database.users.list()).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
        await expect(other.users.list()).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      });
    });
    expect((await database.users.list({ email: data.email })).total).toBe(1);
  });

  test.each([
    { what: "an abort of the outer one", end: (controller: AbortController) => controller.abort(new Error("enough")) },
    { what: "the deadline of the outer one", end: () => undefined, timeout: 200 },
  ])("work that hangs on another database ends with $what", async ({ end, timeout }) => {
    const { database } = testDatabase;
    await using other = await openDatabase(testDatabase.url, { poolSize: 1, acquireTimeout: 20_000 });
    const controller = new AbortController();
    const data = makeUserData();
    let inner: Promise<unknown> = Promise.resolve();
    const outer = DaoUnitOfWork.run(
      database,
      async () => {
        inner = DaoUnitOfWork.run(other, async ({ users }) => {
          await users.create(data);
          end(controller);
          await new Promise(() => undefined);
        });
        await inner;
      },
      { signal: controller.signal, timeout },
    );
    const reason = await outer.catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(Error);
    await expect(inner).rejects.toMatchObject({ code: "unavailable", cause: reason });
    expect((await other.users.list({ email: data.email })).total).toBe(0);
  });

  test("work that hangs there ends with the outer one, also if leftover work of an ended one started it", async () => {
    const { database } = testDatabase;
    await using other = await openDatabase(testDatabase.url, { poolSize: 1 });
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let inner: Promise<unknown> = Promise.resolve();
    const outer = DaoUnitOfWork.run(
      database,
      async () => {
        await DaoUnitOfWork.run(other, async () => {
          inner = begun.then(() => DaoUnitOfWork.run(other, () => new Promise(() => undefined)));
        });
        begin();
        await inner;
      },
      { timeout: 300 },
    );
    await expect(outer).rejects.toMatchObject({ code: "unavailable" });
    await expect(inner).rejects.toMatchObject({ code: "unavailable" });
  });

  test("work that was started on another database, and was not awaited, outlives the outer one", async () => {
    await using other = await openDatabase(testDatabase.url, { poolSize: 1 });
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let inner: Promise<unknown> = Promise.resolve();
    await DaoUnitOfWork.run(testDatabase.database, async ({ users }) => {
      inner = DaoUnitOfWork.run(other, () => finished);
      await users.findById(unknownId);
    });
    finish();
    await expect(inner).resolves.toBeUndefined();
  });
});
