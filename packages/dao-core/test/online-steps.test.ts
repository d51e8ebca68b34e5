import { describe, expect, test } from "vitest";
import { askUntil } from "../../../test/ask-until.ts";
import { openPglite } from "../src/drivers/pglite/pglite.ts";
import type { MigrationReport } from "../src/migrations/migrate.ts";
import type { MigrationSet } from "../src/migrations/migration-set.ts";
import { planMigrations as planSchema } from "../src/migrations/plan.ts";
import { NEWEST } from "./migration-versions.ts";
import { findUndone, insertTasks, ONLINE_SET, STEP_NAMES, TASK_NOTES, undo } from "./online-migration.ts";
import { migrate, PUBLIC } from "./public-schema.ts";
import { readSchemaCatalog } from "./schema-catalog.ts";
import { connect, type ScratchDatabase, withMigratedDatabase, withScratchDatabase } from "./scratch-database.ts";
import { TransactionPooler } from "./transaction-pooler.ts";

const plan = (database: ScratchDatabase, set = ONLINE_SET) => planSchema(database.driver(), PUBLIC, {}, set);

const withTasks = (work: (database: ScratchDatabase) => Promise<void>, count = 1_000) =>
  withMigratedDatabase(async (database) => {
    await insertTasks(database.sql, count);
    await work(database);
  });

describe("online steps", () => {
  test("follow the transaction, and lead to the schema that an empty database gets in one transaction", () =>
    withTasks(async (database) => {
      const report = await migrate(database.driver({ poolSize: 1 }), {}, ONLINE_SET);
      expect(report).toMatchObject({
        from: NEWEST,
        to: NEWEST + 1,
        applied: ["task_notes"],
        repaired: [],
        onlineLeft: [],
      });
      expect(report.online).toEqual(STEP_NAMES);
      expect(await findUndone(database.sql)).toEqual([]);
      expect(await plan(database)).toMatchObject({ applied: [], online: [], repairs: [], sql: "" });
      await withScratchDatabase(async (empty) => {
        expect(await migrate(empty.driver(), {}, ONLINE_SET)).toMatchObject({
          to: NEWEST + 1,
          online: [],
          onlineLeft: [],
        });
        expect(await readSchemaCatalog(empty.sql)).toEqual(await readSchemaCatalog(database.sql));
      });
    }));

  test("can be left to a later call; nothing repairs what they will do, and a plan lists them", () =>
    withTasks(async (database) => {
      expect(await plan(database)).toMatchObject({ applied: ["task_notes"], online: STEP_NAMES });
      const first = await migrate(database.driver(), { online: false }, ONLINE_SET);
      expect(first).toMatchObject({
        applied: ["task_notes"],
        online: [],
        onlineLeft: STEP_NAMES,
        repaired: [],
        violations: [],
      });
      expect(await migrate(database.driver(), { online: false }, ONLINE_SET)).toMatchObject({
        applied: [],
        repaired: [],
        onlineLeft: STEP_NAMES,
      });
      expect(await findUndone(database.sql)).toEqual(["rows", "index", "constraint", "not null", "journal"]);
      expect(await plan(database)).toMatchObject({ from: NEWEST + 1, applied: [], repairs: [], online: STEP_NAMES });
      // Something else is repaired all the same.
      await database.sql.unsafe("drop index tasks_goal_id_idx");
      const second = await migrate(database.driver(), {}, ONLINE_SET);
      expect(second).toMatchObject({
        applied: [],
        repaired: ["the index tasks_goal_id_idx is missing"],
        online: STEP_NAMES,
      });
      expect(await findUndone(database.sql)).toEqual([]);
    }));

  test("can be run by hand, as planned", () =>
    withTasks(async (database) => {
      const { sql } = await plan(database);
      const statements = sql.split(/;\n(?=--|[A-Z])/).map((text) => text.replace(/;?\s*$/, ""));
      const psql = connect(database.url);
      for (const statement of statements) await psql.unsafe(statement);
      await psql.end();
      expect(await findUndone(database.sql)).toEqual([]);
      expect(await plan(database)).toMatchObject({ applied: [], online: [], repairs: [], sql: "" });
    }));

  test("are done before a migration that follows", () =>
    withTasks(async (database) => {
      const last = {
        version: NEWEST + 2,
        name: "last",
        checksum: "last",
        statements: ['CREATE TABLE "later" AS SELECT count(*) FROM "tasks" WHERE "note" IS NULL;'],
      };
      const set: MigrationSet = { ...ONLINE_SET, migrations: [...ONLINE_SET.migrations, last] };
      await expect(migrate(database.driver(), { online: false }, set)).rejects.toThrow(
        `The schema public is at version ${NEWEST + 1}; last has to wait until task_notes, online step 1 of 7 is done.`,
      );
      expect(await migrate(database.driver(), {}, set)).toMatchObject({ applied: ["last"], online: STEP_NAMES });
      expect(await database.sql.unsafe("select * from later")).toEqual([{ count: "0" }]);
      await database.sql.unsafe("drop table later");
      await undo(database.sql);
      expect(await migrate(database.driver(), {}, set)).toMatchObject({
        applied: ["task_notes", "last"],
        online: STEP_NAMES,
      });
    }));

  test("leave a rule that rows break NOT VALID, and report it", () =>
    withTasks(async (database) => {
      await database.sql.unsafe("alter table tasks drop constraint tasks_title_length; update tasks set title = ''");
      const broken = {
        ...TASK_NOTES,
        statements: [
          `ALTER TABLE "tasks" ADD CONSTRAINT "tasks_title_length" CHECK (char_length("title") >= 1) NOT VALID;`,
        ],
        online: ['ALTER TABLE "tasks" VALIDATE CONSTRAINT "tasks_title_length";'],
      };
      const set = { ...ONLINE_SET, migrations: [...ONLINE_SET.migrations.slice(0, -1), broken], shape: undefined };
      const left = await migrate(database.driver(), { online: false }, set);
      expect(left.violations).toEqual([]);
      const report = await migrate(database.driver(), {}, set);
      expect(report.online).toHaveLength(1);
      expect(report.violations).toMatchObject([{ constraint: "tasks_title_length", rows: 1_000 }]);
    }));

  test("are done without preparation through a transaction-pooling proxy", () =>
    withTasks(async (database) => {
      await using pooler = await TransactionPooler.start(database.url);
      const driver = database.driver({ url: pooler.through(database.url), prepare: false });
      expect(await migrate(driver, {}, ONLINE_SET)).toMatchObject({ online: STEP_NAMES });
      expect(await findUndone(database.sql)).toEqual([]);
    }));

  test("are done in an embedded database", async () => {
    const driver = await openPglite();
    try {
      await migrate(driver);
      await driver.execute("insert into users (name, email) values ('Ada', 'ada@example.org')", []);
      expect(await migrate(driver, {}, ONLINE_SET)).toMatchObject({ online: STEP_NAMES });
    } finally {
      await driver.close();
    }
  });

  test("are done in each of many schemas", () =>
    withScratchDatabase(async (database) => {
      const { migrateSchemas } = await import("../src/migrations/migrate-schemas.ts");
      const schemas = ["a", "b", "c", "d"];
      await migrateSchemas(database.driver(), { schemas });
      for (const schema of schemas) {
        await database.sql.unsafe(`set search_path to ${schema}`);
        await insertTasks(database.sql, 100);
      }
      const report = await migrateSchemas(database.driver({ poolSize: 4 }), { schemas }, ONLINE_SET);
      expect(report.failed).toEqual([]);
      expect(report.migrated.map(({ online }) => online)).toEqual(schemas.map(() => STEP_NAMES));
      for (const schema of schemas) {
        await database.sql.unsafe(`set search_path to ${schema}`);
        expect(await findUndone(database.sql)).toEqual([]);
      }
    }));
});

const BUILDING = `select pid from pg_stat_activity
  where datname = current_database() and query like 'CREATE INDEX CONCURRENTLY%' and state = 'active'
    and exists (select from pg_index where not indisvalid)`;

// At once, since each waits for a claim to end.
describe.concurrent("an index", () => {
  /** Runs `work` while the build waits for a transaction with an older snapshot; that ends when `work` does. */
  async function whileBuilding(
    database: ScratchDatabase,
    work: (pid: number, migrating: Promise<MigrationReport>) => Promise<void>,
  ): Promise<MigrationReport | undefined> {
    const other = connect(database.url);
    await other.unsafe("begin isolation level repeatable read");
    await other.unsafe("select 1 from users");
    const migrating = migrate(database.driver({ lockTimeout: 100, statementTimeout: 100 }), {}, ONLINE_SET);
    try {
      const builds = () => database.sql.unsafe<{ pid: number }[]>(BUILDING);
      const [build] = await askUntil(builds, ({ length }) => length > 0, { limit: 20_000, pause: 10 });
      await work(build?.pid ?? 0, migrating);
    } finally {
      await other.end({ timeout: 0 });
    }
    return migrating.catch(() => undefined);
  }

  test("whose build was killed is dropped and built again", () =>
    withTasks(async (database) => {
      await whileBuilding(database, async (pid, migrating) => {
        await database.sql.unsafe("select pg_terminate_backend($1)", [pid]);
        await expect(migrating).rejects.toMatchObject({ name: "UnavailableError" });
        expect(await database.sql.unsafe("select 1 from pg_index where not indisvalid")).toHaveLength(1);
      });
      const report = await migrate(database.driver(), {}, ONLINE_SET);
      expect(report).toMatchObject({ applied: [], online: STEP_NAMES.slice(1) });
      expect(await findUndone(database.sql)).toEqual([]);
    }));

  test("is built without the time-outs of the pool, and others, which wait, do not disturb it", () =>
    withTasks(async (database) => {
      const report = await whileBuilding(database, async (pid) => {
        const others = Array.from({ length: 3 }, () => migrate(database.driver(), { waitTimeout: 3_000 }, ONLINE_SET));
        for (const other of await Promise.allSettled(others)) {
          expect(String("reason" in other && other.reason)).toMatch(
            /can be used, but .*task_notes, online step 2 of 7/,
          );
        }
        expect(await database.sql.unsafe<{ pid: number }[]>(BUILDING)).toMatchObject([{ pid }]);
      });
      expect(report?.online).toEqual(STEP_NAMES);
      expect(await findUndone(database.sql)).toEqual([]);
    }));

  test("whose name is taken is refused", () =>
    withTasks(async (database) => {
      await database.sql.unsafe("create table tasks_note_idx ()");
      await expect(migrate(database.driver(), {}, ONLINE_SET)).rejects.toThrow(
        /at version 4, and can be used, but task_notes, online step 2 of 7 failed: an object with a required name already exists/,
      );
      await database.sql.unsafe("drop table tasks_note_idx");
      expect(await migrate(database.driver(), {}, ONLINE_SET)).toMatchObject({ online: STEP_NAMES.slice(1) });
    }));
});
