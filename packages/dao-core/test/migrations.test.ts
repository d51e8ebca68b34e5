import { describe, expect, test, vi } from "vitest";
import { untilBlocked } from "../../../test/blocked-sessions.ts";
import type { SqlDriver } from "../src/session/driver.ts";
import { ALL_NAMES, NEWEST, withNext } from "./migration-versions.ts";
import { migrate } from "./public-schema.ts";
import { checkSchema, readSchemaCatalog } from "./schema-catalog.ts";
import { connect, type ScratchDatabase, withRole, withScratchDatabase } from "./scratch-database.ts";

const LOCK_NUMBER = "hashtextextended('public', 28829699411304815)";

describe("an empty database", () => {
  test("gets the schema, and a second call finds nothing to do", () =>
    withScratchDatabase(async (database) => {
      const driver = database.driver();
      const first = await migrate(driver);
      expect(first).toMatchObject({ from: 0, to: NEWEST, applied: ALL_NAMES, adopted: false, violations: [] });
      const second = await migrate(driver);
      expect(second).toMatchObject({ from: NEWEST, to: NEWEST, applied: [], adopted: false, violations: [] });
      await checkSchema(driver);
    }));

  test("gets it in the schema public, whatever the search path is", () =>
    withScratchDatabase(async (database) => {
      await database.sql.unsafe(
        `create schema elsewhere; alter database ${database.name} set search_path to elsewhere`,
      );
      await migrate(database.driver());
      const schemas = await database.sql.unsafe(
        "select distinct schemaname::text from pg_tables where tablename in ('users', 'demo_flags', 'flux_dao_migrations')",
      );
      expect([...schemas]).toEqual([{ schemaname: "public" }]);
    }));

  test("keeps the settings of the connection as they were", () =>
    withScratchDatabase(async (database) => {
      // Time-outs are set on prepared connections only.
      const driver = database.driver({ prepare: true, poolSize: 1, lockTimeout: 1234, statementTimeout: 4321 });
      await driver.execute(`set search_path to "$user", public`, []);
      await migrate(driver);
      const { rows } = await driver.execute(
        `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement,
           current_setting('search_path') as path, current_setting('row_security') as security`,
        [],
      );
      expect(rows).toEqual([["1234ms", "4321ms", '"$user", public', "on"]]);
    }));
});

describe("waiting for another migration", () => {
  async function withLockHeld(
    database: ScratchDatabase,
    work: (release: () => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    const holder = connect(database.url);
    try {
      await holder.unsafe(`begin; select pg_advisory_xact_lock(${LOCK_NUMBER})`);
      await work(() => holder.unsafe("commit"));
    } finally {
      await holder.end({ timeout: 0 });
    }
  }

  test("outlasts the session's own time-outs", () =>
    withScratchDatabase((database) =>
      withLockHeld(database, async (release) => {
        const migration = migrate(database.driver({ lockTimeout: 50, statementTimeout: 50 }));
        await untilBlocked(database.sql, 1, 200);
        await release();
        expect((await migration).applied).toEqual(ALL_NAMES);
      }),
    ));

  test("has a limit of its own", () =>
    withScratchDatabase((database) =>
      withLockHeld(database, async () => {
        await expect(migrate(database.driver(), { waitTimeout: 50 })).rejects.toMatchObject({
          code: "unavailable",
          message: expect.stringMatching(
            new RegExp(`to version ${NEWEST} failed at the wait for another migration.*waitTimeout`),
          ),
        });
      }),
    ));

  test("ends at a signal, on the server too", () =>
    withScratchDatabase((database) =>
      withLockHeld(database, async () => {
        const controller = new AbortController();
        const migration = migrate(database.driver(), { signal: controller.signal });
        const refused = expect(migration).rejects.toBe("cancelled");
        const [pid = 0] = await untilBlocked(database.sql);
        controller.abort("cancelled");
        await refused;
        const waiting = "select pid from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
        await expect.poll(() => database.sql.unsafe(waiting, [pid])).toHaveLength(0);
      }),
    ));
});

describe("privileges", () => {
  test("a role that may not create tables gets an error that says so", () =>
    withScratchDatabase((database) =>
      withRole(database, async (url) => {
        await expect(migrate(database.driver({ url }))).rejects.toMatchObject({
          name: "SchemaVersionError",
          message: expect.stringMatching(
            new RegExp(`from version 0 to version ${NEWEST} failed at the journal.*lacks a privilege\\. Run`),
          ),
        });
        expect(await readSchemaCatalog(database.sql)).toEqual([]);
      }),
    ));

  test("a role that may only read the journal has nothing to migrate, and readiness names its missing privileges", () =>
    withScratchDatabase((database) =>
      withRole(database, async (url, role) => {
        await migrate(database.driver());
        const driver = database.driver({ url });
        await expect(checkSchema(driver)).rejects.toThrow(
          /may not read all of the table flux_dao_migrations, .*Grant it SELECT/,
        );
        await database.sql.unsafe(`grant select on flux_dao_migrations to ${role}`);
        expect((await migrate(driver)).applied).toEqual([]);
        await expect(checkSchema(driver)).rejects.toThrow(
          /the role may not select, insert, update, delete on public\./,
        );
        await database.sql.unsafe(`grant all on all tables in schema public to ${role}`);
        await checkSchema(driver);
      }),
    ));

  test("a role that may create tables, but does not own them, gets an error that says so, and nothing is changed", () =>
    withScratchDatabase((database) =>
      withRole(database, async (url, role) => {
        await migrate(database.driver());
        await database.sql.unsafe(
          `grant create on schema public to ${role}; grant select, insert on flux_dao_migrations to ${role}`,
        );
        const before = await readSchemaCatalog(database.sql);
        const set = withNext(['CREATE TABLE "later" ();', 'ALTER TABLE "users" ADD COLUMN "nick" text;']);
        await expect(migrate(database.driver({ url }), {}, set)).rejects.toMatchObject({
          name: "SchemaVersionError",
          message: expect.stringMatching(
            new RegExp(
              `from version ${NEWEST} to version ${NEWEST + 1} failed at next, .*lacks a privilege.*owner of the`,
            ),
          ),
        });
        expect(await readSchemaCatalog(database.sql)).toEqual(before);
      }),
    ));

  test("a read-only database is distinguished from a missing privilege", () =>
    withScratchDatabase(async (database) => {
      await database.sql.unsafe(`alter database ${database.name} set default_transaction_read_only to on`);
      await expect(migrate(database.driver())).rejects.toMatchObject({
        name: "UnavailableError",
        message: expect.stringMatching(/is read-only\. Run migrate\(\) on the primary server/),
      });
    }));
});

describe("a failure in the middle", () => {
  test("leaves nothing behind, and names the step", () =>
    withScratchDatabase(async (database) => {
      const set = withNext([
        'ALTER TABLE "users" ADD COLUMN "nick" text;',
        'ALTER TABLE "nowhere" ADD COLUMN "x" text;',
      ]);
      const error = await migrate(database.driver(), {}, set).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        name: "SchemaVersionError",
        message: expect.stringMatching(
          new RegExp(`from version 0 to version ${NEWEST + 1} failed at next, and nothing was changed`),
        ),
        cause: { code: "42P01" },
      });
      expect(await readSchemaCatalog(database.sql)).toEqual([]);
      expect((await migrate(database.driver())).applied).toEqual(ALL_NAMES);
    }));

  test("keeps what earlier calls applied", () =>
    withScratchDatabase(async (database) => {
      await migrate(database.driver());
      const before = await readSchemaCatalog(database.sql);
      const set = withNext(['ALTER TABLE "users" ADD COLUMN "nick" text;', "select 1/0;"]);
      await expect(migrate(database.driver(), {}, set)).rejects.toThrow(
        `from version ${NEWEST} to version ${NEWEST + 1} failed`,
      );
      expect(await readSchemaCatalog(database.sql)).toEqual(before);
      await checkSchema(database.driver());
    }));
});

describe("checkSchema", () => {
  test("advises to run migrate() if there is no schema", () =>
    withScratchDatabase(async (database) => {
      await expect(checkSchema(database.driver())).rejects.toMatchObject({
        name: "SchemaVersionError",
        message: expect.stringMatching(
          new RegExp(`\\(version 0\\); this code needs version ${NEWEST}\\. Run migrate\\(\\)`),
        ),
      });
    }));

  test("advises to run migrate() if the journal is empty", () =>
    withScratchDatabase(async (database) => {
      await migrate(database.driver());
      await database.sql.unsafe("delete from flux_dao_migrations");
      await expect(checkSchema(database.driver())).rejects.toThrow(/\(version 0\).*Run migrate\(\)/);
    }));

  test("names both versions of a newer schema", () =>
    withScratchDatabase(async (database) => {
      await migrate(database.driver());
      await database.sql.unsafe(`insert into flux_dao_migrations values (${NEWEST + 1}, 'next', 'x')`);
      await expect(checkSchema(database.driver())).rejects.toMatchObject({
        name: "SchemaVersionError",
        message: expect.stringMatching(new RegExp(`at version ${NEWEST + 1}, newer than version ${NEWEST}`)),
      });
    }));

  test("reports a database that does not exist", () =>
    withScratchDatabase(async (database) => {
      const url = new URL(database.url);
      url.pathname = "/flux_no_such_database";
      await expect(checkSchema(database.driver({ url: url.href }))).rejects.toMatchObject({ code: "unavailable" });
    }));
});

test("a wrong time-out is refused before anything is done", () =>
  withScratchDatabase(async (database) => {
    await expect(migrate(database.driver(), { lockTimeout: -1 })).rejects.toThrow(
      "lockTimeout must be a whole number of milliseconds",
    );
  }));

test("after a serialization failure it is run again, each time after a pause", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  try {
    const transaction = vi.fn(() => Promise.reject(Object.assign(new Error("once more"), { code: "40001" })));
    const driver: SqlDriver = {
      description: "",
      isTransaction: false,
      execute: transaction,
      transaction,
      close: vi.fn(),
    };
    const migrated = migrate(driver).catch((error: unknown) => error);
    await new Promise(setImmediate);
    expect(transaction).toHaveBeenCalledTimes(1);
    await vi.runAllTimersAsync();
    expect(await migrated).toMatchObject({ code: "retryable" });
    expect(transaction).toHaveBeenCalledTimes(10);
  } finally {
    vi.useRealTimers();
  }
});
