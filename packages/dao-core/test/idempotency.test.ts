import {
  createDaoServices,
  DaoUnitOfWork,
  deleteExpiredIdempotencyKeys,
  IdempotencyKeyReusedError,
  type OnceOptions,
  openDatabase,
  RetryableError,
  runOnce,
  UnitOfWorkMisuseError,
  ValidationError,
} from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { citusSessions } from "./citus.ts";
import { hostSessions, ofThisRun, type TestSession } from "./hosts.ts";

const DAY = 86_400_000;
const newKey = () => crypto.randomUUID();

const engines = ofThisRun<{ engine: string; open(): Promise<TestSession> }>(
  [
    { engine: "PostgreSQL", open: () => createTestDatabase({ serverUrl: inject("adminUrl") }) },
    { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "" }) },
    ...citusSessions(),
  ],
  hostSessions(4),
);

describe.each(engines)("runOnce on $engine", ({ open }) => {
  let testDatabase: TestSession;
  beforeAll(async () => {
    testDatabase = await open();
  });
  afterAll(() => testDatabase.drop());

  const database = () => testDatabase.database;
  const countOf = async (email: string) => (await createDaoServices(database()).users.listUsers({ email })).total;
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => expect.fail("It was not refused."),
      (error: unknown) => error,
    );

  /** Work that would fail if it were executed twice. */
  function creation() {
    const data = makeUserData();
    const work = async (uow: DaoUnitOfWork) => ({ id: (await uow.users.create(data)).id });
    return { work, email: data.email };
  }

  test("executes once, and then replays", async () => {
    const { work, email } = creation();
    const key = newKey();
    const first = await runOnce(database(), { key }, work);
    expect(first).toEqual({ result: { id: expect.any(String) }, isReplay: false });
    const never = () => expect.fail("It is done already.");
    expect(await runOnce(database(), { key }, never)).toEqual({ result: first.result, isReplay: true });
    expect(await countOf(email)).toBe(1);
  });

  test.each([null, 0, "", 'é🙂\u2028 \\ "', true, [1, [null]], { a: { b: [] } }])(
    "a replay returns the result %j unchanged",
    async (result) => {
      const key = newKey();
      for (const isReplay of [false, true]) {
        expect(await runOnce(database(), { key }, async () => result)).toEqual({ result, isReplay });
      }
    },
  );

  test("replays null if the work returned nothing, as untyped work can", async () => {
    const key = newKey();
    const once = () => runOnce(database(), { key }, async () => undefined as never);
    expect(await once()).toEqual({ result: undefined, isReplay: false });
    expect(await once()).toEqual({ result: null, isReplay: true });
  });

  test("20 concurrent calls execute once, and all get the result", async () => {
    const { work, email } = creation();
    const key = newKey();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => runOnce(database(), { key }, work)));
    expect(outcomes.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(new Set(outcomes.map(({ result }) => result.id)).size).toBe(1);
    expect(await countOf(email)).toBe(1);
  });

  test("failed work leaves nothing behind, and its key can be used again", async () => {
    const { work, email } = creation();
    const key = newKey();
    const mine = new Error("mine");
    const failing = async (uow: DaoUnitOfWork) => {
      await work(uow);
      throw mine;
    };
    expect(await failure(runOnce(database(), { key, fingerprint: "a" }, failing))).toBe(mine);
    expect(await countOf(email)).toBe(0);
    // Also for other work: nothing of the first attempt was recorded.
    expect(await runOnce(database(), { key, fingerprint: "b" }, work)).toMatchObject({ isReplay: false });
    expect(await countOf(email)).toBe(1);
  });

  test("when one call fails, a waiting one executes the work", async () => {
    const { work, email } = creation();
    const key = newKey();
    let attempts = 0;
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, () =>
        runOnce(database(), { key }, async (uow) => {
          const result = await work(uow);
          if (++attempts <= 3) throw new Error("not yet");
          return result;
        }),
      ),
    );
    expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(3);
    expect(attempts).toBe(4);
    expect(await countOf(email)).toBe(1);
  });

  test("work is retried after a serialization failure", async () => {
    const { work, email } = creation();
    let attempts = 0;
    const outcome = await runOnce(database(), { key: newKey() }, async (uow) => {
      if (++attempts < 3) throw new RetryableError("Run it again.");
      return work(uow);
    });
    expect([outcome.isReplay, attempts, await countOf(email)]).toEqual([false, 3, 1]);
  });

  test("another fingerprint with the same key is rejected, and nothing is executed", async () => {
    const { work, email } = creation();
    const key = newKey();
    await runOnce(database(), { key, fingerprint: "one" }, async () => "done");
    for (const fingerprint of ["two", "", "One"]) {
      const error = await failure(runOnce(database(), { key, fingerprint }, work));
      expect(error).toBeInstanceOf(IdempotencyKeyReusedError);
      expect(error).toMatchObject({ code: "idempotency_key_reused", message: expect.stringContaining("24 hours") });
    }
    expect(await countOf(email)).toBe(0);
    expect(await runOnce(database(), { key, fingerprint: "one" }, work)).toEqual({ result: "done", isReplay: true });
  });

  test("the same key in another scope is a different key, and scope and key are not concatenated", async () => {
    const key = newKey();
    const scopes = [undefined, "a", "b", `a${key}`];
    for (const scope of scopes) {
      expect(await runOnce(database(), { scope, key }, async () => String(scope))).toMatchObject({ isReplay: false });
    }
    for (const scope of scopes) {
      const outcome = await runOnce(database(), { scope, key }, async () => "again");
      expect(outcome).toEqual({ result: String(scope), isReplay: true });
    }
    expect(await runOnce(database(), { scope: "", key }, async () => "again")).toMatchObject({ result: "undefined" });
  });

  test("inside a unit of work it is rolled back with it, and its key can be used again", async () => {
    const { work, email } = creation();
    const key = newKey();
    const mine = new Error("mine");
    const outer = DaoUnitOfWork.run(database(), async (uow) => {
      expect(await runOnce(uow, { key }, work)).toMatchObject({ isReplay: false });
      expect(await runOnce(uow, { key }, work)).toMatchObject({ isReplay: true });
      throw mine;
    });
    expect(await failure(outer)).toBe(mine);
    expect(await countOf(email)).toBe(0);
    const outcome = await DaoUnitOfWork.run(database(), (uow) => runOnce(uow, { key }, work));
    expect(outcome.isReplay).toBe(false);
    expect(await runOnce(database(), { key }, work)).toEqual({ result: outcome.result, isReplay: true });
    expect(await countOf(email)).toBe(1);
  });

  test("nested work with the same key is rejected as misuse", async () => {
    const key = newKey();
    const call = runOnce(database(), { key }, async (uow) => {
      await runOnce(uow, { key }, async () => null);
      return null;
    });
    const error = await failure(call);
    expect(error).toBeInstanceOf(UnitOfWorkMisuseError);
    expect(String(error)).toContain("Call runOnce once per key");
  });

  test.each<[string, object, string]>([
    ["an empty key", { key: "" }, "key"],
    ["a key of 256 characters", { key: "x".repeat(256) }, "key"],
    ["no key", {}, "key"],
    ["a key that is not a string", { key: 5 }, "key"],
    ["a scope of 256 characters", { key: "k", scope: "x".repeat(256) }, "scope"],
    ["a scope that is not a string", { key: "k", scope: null }, "scope"],
    ["a fingerprint of 256 characters", { key: "k", fingerprint: "x".repeat(256) }, "fingerprint"],
  ])("%s is rejected before anything is executed", async (_, options, path) => {
    const error = await failure(runOnce(database(), options as OnceOptions, () => expect.fail("It was begun.")));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ issues: [{ path }] });
  });

  test("keys of 1 and of 255 characters, with any Unicode, are valid", async () => {
    for (const key of ["k", "x".repeat(255), "schlüssel 🙂", "it's; drop table idempotency_keys --"]) {
      const options = { scope: newKey(), key, fingerprint: "x".repeat(255) };
      for (const isReplay of [false, true]) {
        expect(await runOnce(database(), options, async () => 1)).toEqual({ result: 1, isReplay });
      }
    }
  });

  test("the client's option idempotencyKey is refused, which in-process nothing would come of", async () => {
    const { users, goals, tasks, conversations, batch } = createDaoServices(database());
    const id = newKey();
    const keyed: object = { idempotencyKey: "sign-up" };
    const user = makeUserData();
    for (const call of [
      users.createUser(user, keyed),
      goals.createGoalWithStructure({ goal: { userId: id, title: "t" }, milestones: [] }, keyed),
      tasks.createTasks([], keyed),
      tasks.updateTasks({ updates: [{ id, title: "t" }] }, keyed),
      tasks.bulkUpdateState({ taskIds: [id], newState: "missed" }, keyed),
      conversations.appendMessages(id, { messages: ["a"] }, keyed),
      batch([["users.createUser", user]], keyed),
    ]) {
      expect(await failure(call)).toMatchObject({
        code: "validation_failed",
        issues: [{ path: "idempotencyKey", message: expect.stringContaining("runOnce()") }],
      });
    }
    expect(await countOf(user.email)).toBe(0);
  });

  test("an aborted signal prevents the start", async () => {
    const { work, email } = creation();
    const reason = new Error("changed my mind");
    const key = newKey();
    expect(await failure(runOnce(database(), { key, signal: AbortSignal.abort(reason) }, work))).toBe(reason);
    expect(await countOf(email)).toBe(0);
    expect(await runOnce(database(), { key }, work)).toMatchObject({ isReplay: false });
  });
});

describe("keys that expire", () => {
  let testDatabase: TestDatabase;
  let sql: postgres.Sql;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
    sql = postgres(testDatabase.url, { max: 2 });
  });
  afterAll(async () => {
    await sql.end();
    await testDatabase.drop();
  });

  const insertAged = (count: number, name: string, milliseconds: number) =>
    sql`insert into idempotency_keys (scope, key, fingerprint, result, created_at)
      select '', ${name} || n, '', '{}', now() - ${milliseconds} * interval '1 millisecond'
      from generate_series(1, ${count}::int) n`;
  const keysLeft = async () => (await sql`select key from idempotency_keys order by key`).map(({ key }) => key);

  test("after 24 hours the work is executed and recorded again", async () => {
    const key = newKey();
    const run = (result: string, fingerprint = "one") =>
      runOnce(testDatabase.database, { key, fingerprint }, async () => result);
    const age = (milliseconds: number) =>
      sql`update idempotency_keys set created_at = now() - ${milliseconds} * interval '1 millisecond' where key = ${key}`;
    expect(await run("first")).toEqual({ result: "first", isReplay: false });
    await age(DAY - 60_000);
    expect(await run("second")).toEqual({ result: "first", isReplay: true });
    await age(DAY + 1_000);
    expect(await run("second", "two")).toEqual({ result: "second", isReplay: false });
    expect(await run("third", "two")).toEqual({ result: "second", isReplay: true });
    await sql`delete from idempotency_keys`;
  });

  test("an expired key is not replaced by failed work", async () => {
    await insertAged(1, "expired ", DAY + 1_000);
    const failing = runOnce(testDatabase.database, { key: "expired 1" }, () => Promise.reject(new Error("mine")));
    await expect(failing).rejects.toThrow("mine");
    expect(await sql`select result from idempotency_keys`).toEqual([{ result: "{}" }]);
    await sql`delete from idempotency_keys`;
  });

  test("a key that a trigger keeps from being recorded is not taken for one of other work", async () => {
    await sql.unsafe(`create function forget() returns trigger language plpgsql as 'begin return null; end';
      create trigger forget before insert on idempotency_keys for each row execute function forget()`);
    const forgotten = runOnce(testDatabase.database, { key: "forgotten" }, async () => expect.fail("It was executed."));
    await expect(forgotten).rejects.toMatchObject({ code: "retryable", message: expect.stringContaining("a trigger") });
    await sql.unsafe("drop function forget cascade");
  });

  test("a cleanup deletes all expired keys and no others, and returns their number", async () => {
    await insertAged(2_500, "old ", DAY + 1_000);
    await insertAged(1, "young ", DAY - 60_000);
    expect(await deleteExpiredIdempotencyKeys(testDatabase.database)).toBe(2_500);
    expect(await keysLeft()).toEqual(["young 1"]);
    expect(await deleteExpiredIdempotencyKeys(testDatabase.database)).toBe(0);
    await sql`delete from idempotency_keys`;
  });

  test("a cleanup does not visit again what it has deleted, even if an old snapshot keeps the deleted ones in the index", async () => {
    await sql`insert into idempotency_keys (scope, key, fingerprint, created_at)
      select '', 'old ' || n, '', now() - interval '2 days' + n * interval '1 millisecond' from generate_series(1, 6000) n`;
    await sql`analyze idempotency_keys`;
    await sql.unsafe(`alter database ${new URL(testDatabase.url).pathname.slice(1)} set extra_float_digits = -15`);
    const name = "cleanup";
    const visited = async () => {
      const gone = async () => (await sql`select from pg_stat_activity where application_name = ${name}`).length;
      await expect.poll(gone).toBe(0);
      const [row] = await sql`select idx_tup_read::int as visited from pg_stat_user_indexes
        where indexrelname = 'idempotency_keys_created_at_idx'`;
      return Number(row?.["visited"]);
    };
    const before = await visited();
    await sql.begin("isolation level repeatable read", async (snapshot) => {
      await snapshot`select count(*) from users`;
      await using own = await openDatabase(`${testDatabase.url}?application_name=${name}`, { poolSize: 1 });
      expect(await deleteExpiredIdempotencyKeys(own)).toBe(6_000);
    });
    expect((await visited()) - before).toBeLessThan(15_000);
  });

  test("concurrent cleanups wait neither for one another nor for a key that is being replaced", async () => {
    await insertAged(3_000, "old ", DAY + 1_000);
    await using other = await openDatabase(testDatabase.url);
    let counts: number[] = [];
    const outcome = await runOnce(testDatabase.database, { key: "old 7" }, async () => {
      // While this transaction holds the key.
      counts = await Promise.all(Array.from({ length: 4 }, () => deleteExpiredIdempotencyKeys(other)));
      return "replaced";
    });
    expect(outcome).toEqual({ result: "replaced", isReplay: false });
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2_999);
    expect(await keysLeft()).toEqual(["old 7"]);
    await sql`delete from idempotency_keys`;
  });
});
