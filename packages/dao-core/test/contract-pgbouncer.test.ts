import { createDaoServices, DaoUnitOfWork, type Database, openDatabase } from "@flux/dao-core";
import {
  changeCases,
  contractSuite,
  createTestDatabase,
  idempotencyCases,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { RunningProxy } from "../../../test/proxies/proxy.ts";
import { hasPgBouncer, startPgBouncer } from "./pgbouncer.ts";

const modes = [
  { mode: "session", options: {} },
  { mode: "transaction", options: { prepare: false } },
] as const;

describe.runIf(hasPgBouncer).each(modes)("behind PgBouncer with pool_mode $mode", ({ mode, options }) => {
  let direct: TestDatabase;
  let bouncer: RunningProxy;
  let database: Database;
  beforeAll(async () => {
    direct = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
    bouncer = await startPgBouncer(direct.url, mode);
    const url = new URL(direct.url);
    url.host = new URL(bouncer.url).host;
    database = await openDatabase(url.href, { ...options, poolSize: 4, acquireTimeout: 20_000 });
  });
  afterAll(async () => {
    await database?.close();
    await bouncer?.[Symbol.asyncDispose]();
    await direct.drop();
  });

  test.each([...contractSuite, ...changeCases])("$name", ({ run }) => run(createDaoServices(database)));
  test.each(idempotencyCases)("$name", ({ run }) => run(database));

  test("is ready, and migrated and planned through it", async () => {
    await database.checkReady();
    expect(await database.migrate()).toMatchObject({ applied: [] });
    expect((await database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
    expect(await database.migrate({ schemas: ["elsewhere"] })).toMatchObject({ failed: [] });
    await database.withSchema("elsewhere").checkReady();
  });

  test("units of work commit or leave nothing, also if one is aborted while a statement runs", async () => {
    const emails = Array.from({ length: 12 }, () => makeUserData().email);
    const run = (email: string, index: number) =>
      DaoUnitOfWork.run(
        database,
        async ({ users, goals }) => {
          const { id } = await users.create(makeUserData({ email }));
          await goals.create({ userId: id, title: "t" });
          if (index % 3 === 0) throw new RangeError("undone");
        },
        { timeout: 20_000 },
      );
    const outcomes = await Promise.allSettled(emails.map(run));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(8);
    const { length } = (await Promise.all(emails.map((email) => direct.database.users.list({ email })))).filter(
      ({ total }) => total === 1,
    );
    expect(length).toBe(8);
    const slow = database.transaction(({ users }) => users.list({}, { signal: AbortSignal.timeout(1) }));
    await slow.catch(() => undefined);
    expect((await database.users.list({ email: emails[1] })).total).toBe(1);
  });
});

describe.runIf(hasPgBouncer)("behind transaction-pooling PgBouncer, with prepared statements nevertheless", () => {
  test("an error names prepare: false and DB_PREPARE, and no caller gets another one's row", async () => {
    const direct = await createTestDatabase({ serverUrl: inject("adminUrl") });
    await using bouncer = await startPgBouncer(direct.url, "transaction");
    const url = new URL(direct.url);
    url.host = new URL(bouncer.url).host;
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await direct.database.users.create(makeUserData())).id),
    );
    try {
      await using database = await openDatabase(url.href, { poolSize: 8 });
      const errors: unknown[] = [];
      const other = postgres(url.href, { max: 1, prepare: false });
      for (let round = 0; round < 20 || errors.length === 0; round++) {
        const reads = () => Promise.allSettled(ids.map((id) => database.users.findById(id)));
        // While another client is in a transaction, they reach another server process than otherwise.
        const found = await (round % 2 === 0 ? reads() : other.begin(reads));
        for (const [index, outcome] of found.entries()) {
          if (outcome.status === "fulfilled") expect(outcome.value?.id).toBe(ids[index]);
          else errors.push(outcome.reason);
        }
      }
      await other.end();
      expect(errors.map(String).join("\n")).toMatch(/prepare: false \(DB_PREPARE=false\)/);
      for (const error of errors) expect(error).toMatchObject({ code: "unavailable" });
    } finally {
      await direct.drop();
    }
  });
});
