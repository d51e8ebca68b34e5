import { createDaoServices, DaoUnitOfWork, type Database, joinPgPool, openDatabase } from "@flux/dao-core";
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
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { openPool } from "./pg-pool.ts";
import { hasPgBouncer, type PoolMode, startPgBouncer, tracksStatements } from "./pgbouncer.ts";
import { postgresLocation } from "./postgres-location.ts";
import { connect } from "./scratch-database.ts";

/** A database, and the URL by which it is reached through PgBouncer. */
interface Pooled extends AsyncDisposable {
  readonly direct: TestDatabase;
  readonly url: string;
}

async function startPooled(mode: PoolMode, maxStatements = 0): Promise<Pooled> {
  const direct = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
  const bouncer = await startPgBouncer(direct.url, mode, maxStatements);
  const url = new URL(direct.url);
  url.host = new URL(bouncer.url).host;
  const stop = async () => {
    await bouncer[Symbol.asyncDispose]();
    await direct.drop();
  };
  return { direct, url: url.href, [Symbol.asyncDispose]: stop };
}

interface Mode {
  readonly title: string;
  readonly mode: PoolMode;
  /** Of the URL. */
  readonly parameters?: string;
  readonly maxStatements?: number;
  readonly isThere: boolean;
}

const modes: readonly Mode[] = [
  { title: "session", mode: "session", isThere: hasPgBouncer },
  { title: "transaction", mode: "transaction", parameters: "?pgbouncer=true", isThere: hasPgBouncer },
  {
    title: "transaction, which tracks prepared statements",
    mode: "transaction",
    maxStatements: 200,
    isThere: tracksStatements,
  },
];

for (const { title, mode, parameters = "", maxStatements, isThere } of modes) {
  describe.runIf(isThere)(`behind PgBouncer with pool_mode ${title}`, () => {
    let pooled: Pooled;
    let database: Database;
    beforeAll(async () => {
      pooled = await startPooled(mode, maxStatements);
      database = await openDatabase(`${pooled.url}${parameters}`, { poolSize: 4, acquireTimeout: 20_000 });
    });
    afterAll(async () => {
      await database?.close();
      await pooled?.[Symbol.asyncDispose]();
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
      const { length } = (
        await Promise.all(emails.map((email) => pooled.direct.database.users.list({ email })))
      ).filter(({ total }) => total === 1);
      expect(length).toBe(8);
      const slow = database.transaction(({ users }) => users.list({}, { signal: AbortSignal.timeout(1) }));
      await slow.catch(() => undefined);
      expect((await database.users.list({ email: emails[1] })).total).toBe(1);
    });
  });
}

/** A row's owner, and many who read it at once, for as long as statements need to be prepared on each connection. */
async function readByMany(databases: readonly Database[], id: string): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const reads = databases.flatMap(({ users }) => Array.from({ length: 6 }, () => users.findById(id)));
    for (const user of await Promise.all(reads)) expect(user?.id).toBe(id);
  }
}

describe.runIf(tracksStatements)("behind PgBouncer that tracks prepared statements", () => {
  test.each(["our own driver", "the application's pg"])("altering a table costs no call: %s", async (kind) => {
    await using pooled = await startPooled("transaction", 200);
    const { direct, url } = pooled;
    const pools = [1, 2, 3].map(() => openPool(url, 3));
    const open = async (index: number) => {
      const pool = pools[index];
      return kind === "our own driver" || pool === undefined ? openDatabase(url, { poolSize: 3 }) : joinPgPool(pool);
    };
    const databases = [await open(0), await open(1)];
    const { id } = await direct.database.users.create(makeUserData());
    const admin = connect(direct.url);
    try {
      await readByMany(databases, id);
      for (const type of ["varchar(500)", "text", "varchar(400)"]) {
        await admin.unsafe(`alter table users alter name type ${type}`);
        await readByMany(databases, id);
        await DaoUnitOfWork.run(databases[0] as Database, ({ users }) => users.update(id, { name: type }), {
          retries: 2,
        });
      }
      // One that begins now sends texts whose plans are stale.
      databases.push(await open(2));
      await readByMany(databases, id);
    } finally {
      await admin.end();
      for (const database of databases) await database.close();
      for (const pool of pools) await pool.end();
    }
  });

  test("what one process no longer keeps prepared is not taken from the others", async () => {
    await using pooled = await startPooled("transaction", 1_000);
    const drivers = [1, 2].map(() => postgresDriver(postgresLocation(pooled.url), { poolSize: 2 }));
    try {
      for (let round = 0; round < 3; round++) {
        for (let number = 0; number < 400; number++) {
          const results = await Promise.all(drivers.map((driver) => driver.execute(`select ${number}`, [])));
          expect(results.map(({ rows }) => rows)).toEqual([[[number]], [[number]]]);
        }
      }
    } finally {
      for (const driver of drivers) await driver.close();
    }
  });
});

describe.runIf(hasPgBouncer)("behind transaction-pooling PgBouncer, with prepared statements nevertheless", () => {
  test("an error names prepare: false and DB_PREPARE, and no caller gets another one's row", async () => {
    await using pooled = await startPooled("transaction");
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await pooled.direct.database.users.create(makeUserData())).id),
    );
    await using database = await openDatabase(pooled.url, { poolSize: 8 });
    const errors: unknown[] = [];
    const other = postgres(pooled.url, { max: 1, prepare: false });
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
  });
});
