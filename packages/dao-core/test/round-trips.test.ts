import { setTimeout as delay } from "node:timers/promises";
import { type BatchOperation, createDaoServices, DaoUnitOfWork, openDatabase } from "@flux/dao-core";
import { createTestDatabase, makeGoalData, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { untilBlocked } from "../../../test/blocked-sessions.ts";
import { countedDatabase } from "./counted-trips.ts";

let testDatabase: TestDatabase;
let sql: postgres.Sql;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(testDatabase.url, { max: 1 });
});
afterAll(async () => {
  await sql.end();
  await testDatabase.drop();
});

test("a unit of work takes a round trip for each statement that awaits another, and one for the commit", async () => {
  await using counted = await countedDatabase(testDatabase.url);
  const { database, count } = counted;
  const { id } = await database.users.create(makeUserData());
  const inUnit = (work: (uow: DaoUnitOfWork) => Promise<unknown>) => count(() => DaoUnitOfWork.run(database, work));
  const find = (uow: DaoUnitOfWork) => uow.users.findById(id);
  await inUnit(find);
  expect(await inUnit(find)).toBe(2);
  expect(await inUnit(async (uow) => [await find(uow), await find(uow), await find(uow)])).toBe(4);
  expect(await inUnit((uow) => Promise.all([find(uow), find(uow), find(uow)]))).toBe(2);
  expect(await inUnit((uow) => DaoUnitOfWork.run(uow, find))).toBe(5);
  const rename = (uow: DaoUnitOfWork) => uow.users.update(id, { name: "Ada" });
  await inUnit(rename);
  expect(await inUnit(rename)).toBe(2);
  expect(await inUnit(async (uow) => [await rename(uow), await rename(uow)])).toBe(3);
  // A second write awaits the BEGIN, without which it would stand by itself.
  expect(await inUnit((uow) => Promise.all([rename(uow), rename(uow), rename(uow)]))).toBe(3);
  expect(await inUnit(async () => undefined)).toBe(0);
  // A callback that has sent nothing by the end of its turn may hang, so its transaction is begun.
  expect(await inUnit((uow) => delay(20).then(() => rename(uow)))).toBe(3);
  expect(await inUnit(async (uow) => [await find(uow), await rename(uow)])).toBe(3);
  expect(await inUnit((uow) => Promise.all([rename(uow), rename(uow), find(uow)]))).toBe(3);
  // Its time-out ends all of it, so it does not keep statements from travelling together.
  const timed = (work: (uow: DaoUnitOfWork) => Promise<unknown>) =>
    count(() => DaoUnitOfWork.run(database, work, { timeout: 60_000, signal: new AbortController().signal }));
  await timed(rename);
  expect(await timed(find)).toBe(2);
  expect(await timed(rename)).toBe(2);
  expect(await timed((uow) => Promise.all([find(uow), rename(uow), rename(uow), find(uow)]))).toBe(3);
});

test("the statements of a batch travel together, and one that is alone has no transaction", async () => {
  await using counted = await countedDatabase(testDatabase.url);
  const { database, count } = counted;
  const { batch, goals } = createDaoServices(database);
  const { id: userId } = await database.users.create(makeUserData());
  const { id: goalId } = await database.goals.create(makeGoalData(userId));
  const create = (): BatchOperation => ["goals.createGoal", makeGoalData(userId)];
  const rename: BatchOperation = ["goals.updateGoal", goalId, { title: "Other" }];
  const renameIf: BatchOperation = ["goals.updateGoal", goalId, { title: "Other" }, { ifVersion: "*" }];
  const put: BatchOperation = ["demoFlags.putDemoFlags", userId, {}];
  const find: BatchOperation = ["goals.getGoal", goalId];
  // Prepares the statements.
  await batch([create(), rename, renameIf, put, find]);
  for (const timeout of [undefined, 60_000]) {
    const trips = (...operations: BatchOperation[]) => count(() => batch(operations, { timeout }));
    expect(await trips(create())).toBe(1);
    expect(await trips(rename)).toBe(1);
    expect(await trips(create(), rename)).toBe(3);
    expect(await trips(create(), rename, put, find, create(), find)).toBe(3);
    expect(await trips(find, find, find)).toBe(2);
    // What reads the version before it writes sends the first statement with those before it, and has those behind it wait.
    expect(await trips(create(), renameIf, create(), create())).toBe(5);
    expect(await trips(renameIf)).toBe(
      await count(() => goals.updateGoal(goalId, { title: "Other" }, { ifVersion: "*" })),
    );
  }
});

test("statements that were sent together end with their batch's signal: nothing is kept, and the connection is replaced", async () => {
  await using counted = await countedDatabase(testDatabase.url);
  const { database, connections } = counted;
  const { batch, users } = createDaoServices(database);
  const owner = await database.users.create(makeUserData());
  const create = (): BatchOperation => ["goals.createGoal", makeGoalData(owner.id)];
  await batch([create(), create()]);
  const before = connections();
  const rename: BatchOperation = ["users.updateUser", owner.id, { name: "Other" }];
  const many = (count: number) => Array.from({ length: count }, create);
  await DaoUnitOfWork.run(testDatabase.database, async (uow) => {
    await uow.users.lockById(owner.id);
    const controller = new AbortController();
    const blocked = batch([...many(40), rename, ...many(40)], { signal: controller.signal });
    await untilBlocked(sql);
    controller.abort(new Error("the caller has gone"));
    await expect(blocked).rejects.toThrow("the caller has gone");
    // It waits for the only connection.
    expect(await users.getUser(owner.id)).toEqual(owner);
  });
  // One cancel request at a time, not one for each statement.
  expect(connections() - before).toBeLessThan(10);
  expect((await database.goals.list({ userId: owner.id })).total).toBe(2);
  expect(await users.getUser(owner.id)).toEqual(owner);
});

test("a statement that fails has those sent with it fail, and nothing is kept", async () => {
  const { database } = testDatabase;
  const [kept, twice, behind] = [makeUserData(), makeUserData(), makeUserData()];
  const settled = await DaoUnitOfWork.run(database, async (uow) => {
    const calls = [kept, twice, twice, behind].map((data) => uow.users.create(data));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    throw results[2]?.status === "rejected" ? results[2].reason : new Error("It should have failed.");
  }).catch((error: unknown) => error);
  expect(settled).toMatchObject({ code: "conflict" });
  expect((await database.users.list({ email: kept.email })).total).toBe(0);
});

test.each<
  [what: string, read: (uow: DaoUnitOfWork, id: string) => Promise<unknown>, options?: { signal: AbortSignal }]
>([
  ["a point query", (uow, id) => uow.users.findById(id)],
  ["a count", (uow) => uow.users.count()],
  ["a statement with a signal", (uow, id) => uow.users.findById(id), { signal: new AbortController().signal }],
])("no statement overtakes one that waits for %s", async (_, read, options) => {
  const { database } = testDatabase;
  const { id } = await database.users.create(makeUserData());
  for (let round = 0; round < 4; round++) {
    await DaoUnitOfWork.run(database, async (uow) => {
      const first = read(uow, id);
      const second = uow.users.update(id, { name: "second" }, options);
      await first;
      await Promise.all([second, uow.users.update(id, { name: "third" })]);
    });
    expect(await database.users.findById(id)).toMatchObject({ name: "third" });
  }
});

test("what is sent behind a statement that fails rejects with that one's error, so that the work is retried", async () => {
  const { database } = testDatabase;
  const [one, two] = [await database.users.create(makeUserData()), await database.users.create(makeUserData())];
  await using others = await openDatabase(testDatabase.url, { poolSize: 1 });
  const block = () => {
    for (const end = performance.now() + 30; performance.now() < end; );
  };
  const behind: readonly ((uow: DaoUnitOfWork) => Promise<unknown>)[] = [
    (uow) => uow.users.findById(two.id),
    (uow) => uow.users.count(),
    (uow) => createDaoServices(uow).users.getUser(two.id),
  ];
  for (const statement of behind) {
    const error = await DaoUnitOfWork.run(
      database,
      async (uow) => {
        await uow.users.findById(one.id);
        await others.users.update(one.id, { name: crypto.randomUUID() });
        const both = [createDaoServices(uow).users.updateUser(one.id, { name: "mine" }), statement(uow)];
        // Both responses arrive in one packet.
        setTimeout(block, 0);
        setTimeout(block, 1);
        await Promise.all(both);
      },
      { isolationLevel: "repeatable read" },
    ).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "retryable" });
  }
});

test.each<[what: string, work: (uow: DaoUnitOfWork) => Promise<unknown>]>([
  ["one write", (uow) => uow.users.create(makeUserData())],
  ["writes", (uow) => Promise.all([1, 2, 3].map(() => uow.users.create(makeUserData())))],
  ["reads and writes", (uow) => Promise.all([uow.users.count(), uow.users.create(makeUserData()), uow.users.count()])],
  [
    "a read, then writes",
    (uow) => Promise.all([uow.users.count(), ...[1, 2].map(() => uow.users.create(makeUserData()))]),
  ],
  [
    "writes whose errors are swallowed",
    (uow) => Promise.allSettled([1, 2].map(() => uow.users.create(makeUserData()))),
  ],
  ["a nested unit of work", (uow) => DaoUnitOfWork.run(uow, (nested) => nested.users.create(makeUserData()))],
  [
    "a write with a signal of its own",
    (uow) => uow.users.create(makeUserData(), { signal: new AbortController().signal }),
  ],
])("if BEGIN is refused, nothing of %s is kept, and the connection is of use", async (_, work) => {
  await using counted = await countedDatabase(testDatabase.url);
  const { database, connections } = counted;
  // Prepares the statements, or not: an unprepared one begins with other messages.
  for (const isPrepared of [false, true]) {
    if (isPrepared) await DaoUnitOfWork.run(database, work).catch(() => undefined);
    const before = await database.users.count();
    counted.rewriting((data) => Buffer.from(data.toString("latin1").replace("begin\0", "begun\0"), "latin1"));
    const error = await DaoUnitOfWork.run(database, work).catch((reason: unknown) => reason);
    counted.rewriting((data) => data);
    expect(error).toMatchObject({ message: expect.stringContaining('syntax error at or near "begun"') });
    expect(await database.users.count()).toBe(before);
    expect(await DaoUnitOfWork.run(database, (uow) => uow.users.count())).toBe(before);
  }
  expect(connections()).toBe(1);
});
