import { setImmediate } from "node:timers/promises";
import { DaoUnitOfWork, Database, type SqlDriver, type SqlResult, type StatementReport } from "@flux/dao-core";
import { createTestDatabase, makeUserData } from "@flux/dao-core/testing";
import { expect, inject, test } from "vitest";

/** A database whose statements, all of them counts, wait for the test to answer them. */
function waitingDatabase() {
  const counts: { signal: AbortSignal | undefined; answer(total: number): void; fail(error: Error): void }[] = [];
  const execute: SqlDriver["execute"] = (_text, _parameters, { signal } = {}) =>
    new Promise<SqlResult>((resolve, reject) => {
      counts.push({ signal, answer: (total) => resolve({ rows: [[total]] }), fail: reject });
    });
  const driver: SqlDriver = {
    description: "a driver that waits",
    isTransaction: false,
    execute,
    transaction: (work) => work({ execute, savepoint: () => Promise.reject(new Error("unused")) }),
    close: async () => undefined,
  };
  const begun = async (number: number) => {
    await expect.poll(() => counts.length).toBe(number);
    return counts[number - 1] ?? expect.fail();
  };
  return { db: new Database(driver), counts, begun };
}

test("a count serves those who asked before it began, and those who ask while it runs share the next", async () => {
  const { db, counts, begun } = waitingDatabase();
  const before = [db.tasks.count(), db.tasks.count()];
  const first = await begun(1);
  const later = [db.tasks.count(), db.tasks.count()];
  const other = db.tasks.count({ state: ["missed"] });
  (await begun(2)).answer(7);
  expect(await other).toBe(7);
  first.answer(1);
  expect(await Promise.all(before)).toEqual([1, 1]);
  (await begun(3)).answer(2);
  expect(await Promise.all(later)).toEqual([2, 2]);
  const last = db.tasks.count();
  (await begun(4)).answer(3);
  expect(await last).toBe(3);
  expect(counts).toHaveLength(4);
});

test("an error reaches those who share the count, and the next succeeds", async () => {
  const { db, begun } = waitingDatabase();
  const failing = [db.tasks.count(), db.tasks.count()];
  const first = await begun(1);
  const later = db.tasks.count();
  first.fail(new Error("lost"));
  for (const count of failing) await expect(count).rejects.toThrow("lost");
  (await begun(2)).answer(2);
  expect(await later).toBe(2);
});

test("a caller that leaves, or runs out of time, leaves the count to the others; the last one cancels it", async () => {
  const { db, counts, begun } = waitingDatabase();
  const [leaving, last] = [new AbortController(), new AbortController()];
  const gone = db.tasks.count({}, { signal: leaving.signal });
  const late = db.tasks.count({}, { timeout: 20 });
  late.catch(() => undefined);
  const patient = db.tasks.count({}, { signal: last.signal });
  const first = await begun(1);
  leaving.abort(new Error("gone"));
  await expect(gone).rejects.toThrow("gone");
  await expect(late).rejects.toThrow("within its 20 ms");
  expect(first.signal?.aborted).toBe(false);
  last.abort(new Error("gone as well"));
  await expect.poll(() => first.signal?.aborted).toBe(true);
  const next = db.tasks.count();
  let isPending = true;
  const settled = () => {
    isPending = false;
  };
  patient.then(settled, settled);
  await setImmediate();
  // A late cancel request would hit what its caller sends next.
  expect(isPending).toBe(true);
  first.fail(new Error("cancelled"));
  await expect(patient).rejects.toThrow("gone as well");
  (await begun(2)).answer(2);
  expect(await next).toBe(2);
  expect(counts).toHaveLength(2);
});

test("a count that all callers left before it began is not run, and the next caller has one of its own", async () => {
  const { db, counts, begun } = waitingDatabase();
  const running = db.tasks.count();
  const first = await begun(1);
  const leaving = new AbortController();
  const gone = db.tasks.count({}, { signal: leaving.signal });
  leaving.abort(new Error("gone"));
  await expect(gone).rejects.toThrow("gone");
  const next = db.tasks.count();
  first.answer(1);
  expect(await running).toBe(1);
  (await begun(2)).answer(2);
  expect(await next).toBe(2);
  expect(counts).toHaveLength(2);
});

test("a count leaves the queue of the pool when the requesters of all that wait for it have disconnected", async () => {
  await using own = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1, acquireTimeout: 60_000 });
  const { database } = own;
  let release: () => void = () => undefined;
  let holding: Promise<unknown> = Promise.resolve();
  await new Promise<void>((held) => {
    holding = DaoUnitOfWork.run(database, async (uow) => {
      await uow.users.count();
      held();
      await new Promise<void>((end) => {
        release = end;
      });
    });
  });
  const [one, other] = [new AbortController(), new AbortController()];
  const requester = ({ signal }: AbortController) => ({ requester: { signal } });
  const counted = () => "counted";
  const list = database.users.list({ email: "a@example.com" }, requester(one)).then(counted, String);
  const counts = [one, other].map((caller) => database.users.count({}, requester(caller)).then(counted, String));
  await setImmediate();
  one.abort(new Error("one has left"));
  expect(await list).toContain("one has left");
  other.abort(new Error("the other has left"));
  expect(await Promise.all(counts)).toEqual(Array(2).fill(expect.stringContaining("the other has left")));
  release();
  await holding;
});

test("a unit of work has a count of its own, as has another schema", async () => {
  const { db, counts, begun } = waitingDatabase();
  const calls = [
    db.tasks.count(),
    DaoUnitOfWork.run(db, (uow) => uow.tasks.count()),
    db.withSchema("other").tasks.count(),
  ];
  await begun(calls.length);
  for (const { answer } of counts) answer(1);
  expect(await Promise.all(calls)).toEqual([1, 1, 1]);
});

test("rows are counted only if the first page of a filter does not show how many there are", async () => {
  let counts = 0;
  const onStatement = ({ text }: StatementReport) => {
    if (text.includes("count(*)")) counts++;
  };
  await using own = await createTestDatabase({ serverUrl: inject("adminUrl"), onStatement });
  const { users } = own.database;
  const rows = [await users.create(makeUserData()), await users.create(makeUserData())];
  const filter = { id: rows.map(({ id }) => id) };
  expect(await users.list(filter)).toMatchObject({ total: 2, hasNext: false });
  expect(await users.list({ ...filter, limit: 2 })).toMatchObject({ total: 2, hasNext: false });
  expect(await users.list({ email: "nobody@example.com" })).toMatchObject({ total: 0, items: [] });
  expect(counts).toBe(0);
  expect(await users.list({ ...filter, limit: 1 })).toMatchObject({ total: 2, hasNext: true });
  expect(await users.list({ ...filter, skip: 1, limit: 1 })).toMatchObject({ total: 2, hasNext: false });
  expect(await users.list({ ...filter, skip: 2 })).toMatchObject({ total: 2, items: [] });
  expect(counts).toBe(3);
});

test("pages that are read at the same time share one count", async () => {
  const counted: string[] = [];
  const onStatement = ({ text }: StatementReport) => void (text.includes("count(*)") && counted.push(text));
  const { database, drop } = await createTestDatabase({ serverUrl: inject("adminUrl"), onStatement });
  for (let users = 0; users < 3; users++) await database.users.create(makeUserData());
  const pages = await Promise.all([1, 2, 3].map((page) => database.users.list({ page, pageSize: 2 })));
  expect(pages.map(({ total, items }) => [total, items.length])).toEqual([
    [3, 2],
    [3, 1],
    [3, 0],
  ]);
  expect(counted).toHaveLength(1);
  await drop();
});
