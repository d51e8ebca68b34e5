import type postgres from "postgres";
import { describe, expect, test } from "vitest";
import { untilBlocked } from "../../../test/blocked-sessions.ts";
import { openPglite } from "../src/drivers/pglite/pglite.ts";
import { embeddedMigrations } from "../src/migrations/migration-set.ts";
import { CONSTRAINT_RULES } from "../src/schema/constraints.ts";
import { ALL_NAMES, NEWEST, withNext } from "./migration-versions.ts";
import { migrate } from "./public-schema.ts";
import {
  DEFAULTS,
  IRREGULAR_ROWS,
  PYTHON_SERVICE_DDL,
  REGULAR_ROWS,
  SECOND_MIGRATION,
  TABLE_KEYS,
  VIOLATION_COUNTS,
} from "./python-service-database.ts";
import { checkSchema, readSchemaCatalog, SCHEMA_CATALOG_QUERY } from "./schema-catalog.ts";
import { connect, type ScratchDatabase, withScratchDatabase } from "./scratch-database.ts";

type Row = Record<string, unknown>;

async function freshCatalog(): Promise<string[]> {
  let lines: string[] = [];
  await withScratchDatabase(async (database) => {
    await migrate(database.driver());
    lines = await readSchemaCatalog(database.sql);
  });
  return lines;
}

/** Every row of every table, as the database writes its values: microseconds, infinities and NaN included. */
async function allRows(sql: postgres.Sql): Promise<Record<string, Row[]>> {
  const entries = Object.entries(TABLE_KEYS).map(async ([table, key]): Promise<[string, Row[]]> => {
    const rows = await sql.unsafe<{ row: Row }[]>(`select to_jsonb(t) as row from ${table} t order by ${key}`);
    return [table, rows.map(({ row }) => row)];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The rows that adopting `before` results in: NULLs of columns with a default are replaced, all else is the same. */
function withDefaults(before: Record<string, Row[]>): Record<string, Row[]> {
  return Object.fromEntries(
    Object.entries(before).map(([table, rows]) => [
      table,
      rows.map((row) => {
        const nulls = Object.entries(DEFAULTS[table] ?? {}).filter(([column]) => row[column] === null);
        const filled = nulls.map(([column, value]) => [column, value === "now" ? expect.stringMatching(/^20/) : value]);
        return { ...row, ...Object.fromEntries(filled) };
      }),
    ]),
  );
}

describe("a database of the Python service", () => {
  test("whose rows satisfy every rule gets exactly the schema of an empty one", () =>
    withScratchDatabase(async (database) => {
      await database.sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      const before = await allRows(database.sql);
      const report = await migrate(database.driver());
      expect(report).toMatchObject({ from: 0, to: NEWEST, applied: ALL_NAMES, adopted: true, violations: [] });
      expect(await readSchemaCatalog(database.sql)).toEqual(await freshCatalog());
      expect(await allRows(database.sql)).toEqual(withDefaults(before));
      expect(await migrate(database.driver())).toMatchObject({ from: NEWEST, applied: [], adopted: false });
      await checkSchema(database.driver());
    }));

  test("is adopted after its second migration, too: conversations without a goal stay so", () =>
    withScratchDatabase(async (database) => {
      const { sql } = database;
      await sql.unsafe(PYTHON_SERVICE_DDL + SECOND_MIGRATION + REGULAR_ROWS);
      await sql.unsafe("update conversations set goal_id = null where messages = 'null'");
      const before = await allRows(sql);
      expect(await migrate(database.driver())).toMatchObject({ adopted: true, violations: [] });
      expect(await readSchemaCatalog(sql)).toEqual(await freshCatalog());
      expect(await allRows(sql)).toEqual(withDefaults(before));
      // The Python service's own migrations may run again.
      await sql.unsafe(SECOND_MIGRATION);
      await checkSchema(database.driver());
    }));

  test("that an earlier version adopted accepts JSON null and strings, and keeps what violates even that rule", () =>
    withScratchDatabase(async (database) => {
      const { sql } = database;
      await sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS + IRREGULAR_ROWS);
      const { migrations, shape } = embeddedMigrations;
      const { conversations } = shape.tables;
      if (conversations === undefined) throw new RangeError("there is no such table");
      const columns = { ...conversations.columns, goal_id: "uuid NOT NULL" };
      const tables = { ...shape.tables, conversations: { ...conversations, columns } };
      const earlier = { ...embeddedMigrations, migrations: migrations.slice(0, 2), shape: { ...shape, tables } };
      await migrate(database.driver(), {}, earlier);
      const jsonNull = "update users set preferences = 'null' where name = 'Ada'";
      await expect(sql.unsafe(jsonNull)).rejects.toMatchObject({ constraint_name: "users_preferences_object" });
      const before = await allRows(sql);
      const { violations } = await migrate(database.driver());
      expect(await allRows(sql)).toEqual(before);
      expect(violations).toContainEqual(
        expect.objectContaining({ constraint: "conversations_messages_array", rows: 2 }),
      );
      expect(violations).toContainEqual(expect.objectContaining({ constraint: "users_preferences_object", rows: 2 }));
      await sql.unsafe(jsonNull);
      await sql.unsafe("insert into conversations (user_id, messages) select id, '\"text\"' from users limit 1");
    }));

  test("that is empty gets the same schema, on PGlite too", async () => {
    const driver = await openPglite();
    try {
      const run = async (script: string) => {
        for (const statement of script.split(";")) if (statement.trim() !== "") await driver.execute(statement, []);
      };
      await run(PYTHON_SERVICE_DDL);
      expect(await migrate(driver)).toMatchObject({ adopted: true, violations: [] });
      const { rows: adopted } = await driver.execute(SCHEMA_CATALOG_QUERY, []);
      await run("drop schema public cascade; create schema public");
      expect(await migrate(driver)).toMatchObject({ adopted: false });
      expect(adopted).toEqual((await driver.execute(SCHEMA_CATALOG_QUERY, [])).rows);
    } finally {
      await driver.close();
    }
  });

  test("with rows that violate rules loses none, changes none, and reports how to find them", () =>
    withScratchDatabase(async (database) => {
      const { sql } = database;
      await sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS + IRREGULAR_ROWS);
      const before = await allRows(sql);
      const { adopted, violations } = await migrate(database.driver());
      expect(adopted).toBe(true);
      expect(await allRows(sql)).toEqual(withDefaults(before));
      expect(Object.fromEntries(violations.map(({ constraint, rows }) => [constraint, rows]))).toEqual(
        VIOLATION_COUNTS,
      );
      for (const { query, rows, message, table } of violations) {
        expect(await sql.unsafe(query)).toHaveLength(rows);
        expect(message).toMatch(new RegExp(`^${rows} rows? of ${table} violates? the rule`));
      }
      await checkSchema(database.driver());
    }));

  test("leaves NOT VALID only the rules that rows violate", () =>
    withScratchDatabase(async (database) => {
      await database.sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      await database.sql.unsafe("update milestones set week_number = 0; update goals set title = repeat('g', 600)");
      const { violations } = await migrate(database.driver());
      expect(violations.map(({ constraint }) => constraint)).toEqual([
        "goals_title_length",
        "milestones_week_number_positive",
      ]);
      const differing = (await readSchemaCatalog(database.sql)).filter((line) => line.endsWith(" NOT VALID"));
      expect(differing.map((line) => line.split(":")[0])).toEqual([
        "constraint goals.goals_title_length",
        "constraint milestones.milestones_week_number_positive",
      ]);
    }));

  test("is reported until its rows are fixed and the rules validated", () =>
    withScratchDatabase(async (database) => {
      const { sql } = database;
      await sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      await sql.unsafe("update milestones set week_number = 0");
      const driver = database.driver();
      await migrate(driver);
      const insert = "insert into milestones (goal_id, week_number, title) select goal_id, 0, 'New' from milestones";
      await expect(sql.unsafe(insert)).rejects.toMatchObject({ constraint_name: "milestones_week_number_positive" });
      const [violation] = (await migrate(driver)).violations;
      expect(violation).toMatchObject({ constraint: "milestones_week_number_positive", rows: 2 });
      await sql.unsafe("update milestones set week_number = 1");
      const [corrected] = (await migrate(driver)).violations;
      expect(corrected).toMatchObject({ rows: 0, message: expect.stringContaining("now satisfies the rule") });
      await sql.unsafe(corrected?.validation ?? "");
      expect((await migrate(driver)).violations).toEqual([]);
      expect(await readSchemaCatalog(sql)).toEqual(await freshCatalog());
    }));

  test("then gets the later migrations like any other", () =>
    withScratchDatabase(async (database) => {
      await database.sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      const set = withNext(['ALTER TABLE "users" ADD COLUMN "nick" text;'], "nick");
      const report = await migrate(database.driver(), {}, set);
      expect(report).toMatchObject({ from: 0, to: NEWEST + 1, applied: [...ALL_NAMES, "nick"], adopted: true });
      expect(await database.sql.unsafe("select nick from users")).toHaveLength(3);
    }));

  test("keeps tables, columns and indexes that others added", () =>
    withScratchDatabase(async (database) => {
      const { sql } = database;
      await sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      await sql.unsafe(
        `create table alembic_version (version_num text); alter table users add column nick text;
         alter table users add column points integer not null default 0; create index by_title on goals (title)`,
      );
      await migrate(database.driver());
      const added = (await readSchemaCatalog(sql)).filter((line) => /alembic|nick|points|by_title/.test(line));
      expect(added).toHaveLength(6);
    }));

  test("is locked as a whole while it is adopted, and the wait for the lock is limited", () =>
    withScratchDatabase(async (database) => {
      await database.sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      const before = await readSchemaCatalog(database.sql);
      const reader = connect(database.url);
      await reader.unsafe("begin; select count(*) from demo_flags");
      await expect(migrate(database.driver(), { lockTimeout: 50 })).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringMatching(/failed at adopting the Python service's schema.*lockTimeout/),
      });
      await reader.end({ timeout: 0 });
      expect(await readSchemaCatalog(database.sql)).toEqual(before);
    }));

  test("survives a backend that is killed midway: it is unchanged, and the next call adopts it", () =>
    withScratchDatabase(async (database) => {
      const { sql } = database;
      await sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
      const [catalogBefore, rowsBefore] = [await readSchemaCatalog(sql), await allRows(sql)];
      // The last index is built from a table that the migration can lock, but whose other index name is held up.
      const holder = connect(database.url);
      await holder.unsafe("begin; create table users_created_at_idx ()");
      const refused = expect(migrate(database.driver())).rejects.toMatchObject({
        code: "transaction_lost",
        outcome: "rolled_back",
      });
      const [pid = 0] = await untilBlocked(database.sql);
      const [progress] = await sql.unsafe("select query from pg_stat_activity where pid = $1", [pid]);
      expect(progress?.["query"]).toContain("users_created_at_idx");
      await sql.unsafe("select pg_terminate_backend($1)", [pid]);
      await refused;
      await holder.unsafe("rollback");
      await holder.end({ timeout: 0 });
      expect(await readSchemaCatalog(sql)).toEqual(catalogBefore);
      expect(await allRows(sql)).toEqual(rowsBefore);
      expect(await migrate(database.driver())).toMatchObject({ adopted: true });
    }));

  test(
    "is adopted though the first attempt ends in a deadlock with its writers",
    () =>
      withScratchDatabase(async (database) => {
        await database.sql.unsafe(PYTHON_SERVICE_DDL + REGULAR_ROWS);
        await database.sql.unsafe(`alter database ${database.name} set deadlock_timeout to '2s'`);
        const writer = connect(database.url);
        await writer.unsafe("set deadlock_timeout to '60s'; begin; update tasks set title = 'Written'");
        const migration = migrate(database.driver());
        await untilBlocked(database.sql);
        await writer.unsafe("update users set name = 'Written'; commit");
        await writer.end({ timeout: 0 });
        expect(await migration).toMatchObject({ adopted: true });
        expect(await database.sql.unsafe("select 1 from tasks where title = 'Written'")).toHaveLength(3);
      }),
    20_000,
  );
});

test("the test's rows violate every CHECK rule", () => {
  const checks = Object.keys(CONSTRAINT_RULES).filter((name) => !name.endsWith("_key"));
  expect(Object.keys(VIOLATION_COUNTS).toSorted()).toEqual(checks.toSorted());
});

test("the other way round: the Python service writes to a database that migrate() created", () =>
  withScratchDatabase(async ({ sql, driver }: ScratchDatabase) => {
    await migrate(driver());
    const insert = async (statement: string) => {
      const [row] = await sql.unsafe<{ id: string }[]>(`${statement} returning *`);
      return row ?? { id: "" };
    };
    const user = await insert(
      `insert into users (name, email, preferences, demo_mode) values ('Ada', 'ada@example.com', '{"a": 1}'::jsonb, false)`,
    );
    const goal = await insert(`insert into goals (user_id, title, status) values ('${user.id}', 'Learn', 'active')`);
    const milestone = await insert(
      `insert into milestones (goal_id, week_number, title, status) values ('${goal.id}', 1, 'Week', 'pending')`,
    );
    const task = await insert(
      `insert into tasks (user_id, goal_id, milestone_id, title, start_time, state, priority, trigger_type, is_recurring)
       values ('${user.id}', '${goal.id}', '${milestone.id}', 'Do', '2026-02-15 10:00:00.123456+00',
         'drifted'::task_state, 'must-not-miss'::task_priority, 'on_leaving_home'::trigger_type, true)`,
    );
    const conversation = await insert(
      `insert into conversations (user_id, goal_id, messages) values ('${user.id}', '${goal.id}', '[{"role": "user"}]')`,
    );
    await sql.unsafe(`insert into demo_flags (user_id, virtual_now) values ('${user.id}', now())`);
    for (const row of [user, goal, milestone, task, conversation]) {
      expect(row).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), created_at: expect.any(Date) });
    }
    expect(task).toMatchObject({ calendar_event_id: null, state: "drifted" });
    expect(conversation).toMatchObject({ status: "open" });
    const [flags] = await sql.unsafe("select escalation_speed from demo_flags");
    expect(flags).toEqual({ escalation_speed: 1 });
    await sql.unsafe("delete from users");
    expect(Object.values(await allRows(sql)).flat()).toEqual([]);
  }));
