import type postgres from "postgres";
import { embeddedMigrations, type Migration, type MigrationSet } from "../src/migrations/migration-set.ts";
import { NEWEST } from "./migration-versions.ts";

/** A column that becomes NOT NULL, with a constraint and an index: the way of `docs/how-to/migrate-without-downtime.md`. */
export const TASK_NOTES: Migration = {
  version: NEWEST + 1,
  name: "task_notes",
  checksum: "task_notes",
  compatibleSince: NEWEST,
  statements: [
    'ALTER TABLE "tasks" ADD COLUMN "note" text;',
    // Not for the rows that exist.
    `ALTER TABLE "tasks" ALTER COLUMN "note" SET DEFAULT 'none';`,
    'ALTER TABLE "tasks" ADD CONSTRAINT "tasks_note_length" CHECK (char_length("note") <= 100) NOT VALID;',
  ],
  online: [
    `WITH batch AS (
  SELECT "id" FROM "tasks" WHERE "id" > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY "id" LIMIT $2::integer
), written AS (
  UPDATE "tasks" SET "note" = 'none' FROM batch WHERE "tasks"."id" = batch."id" AND "note" IS NULL
)
SELECT "id"::text AS key FROM batch ORDER BY "id" DESC LIMIT 1;`,
    'CREATE INDEX CONCURRENTLY "tasks_note_idx" ON "tasks" USING btree ("note");',
    'ALTER TABLE "tasks" VALIDATE CONSTRAINT "tasks_note_length";',
    'ALTER TABLE "tasks" ADD CONSTRAINT "tasks_note_present" CHECK ("note" IS NOT NULL) NOT VALID;',
    'ALTER TABLE "tasks" VALIDATE CONSTRAINT "tasks_note_present";',
    'ALTER TABLE "tasks" ALTER COLUMN "note" SET NOT NULL;',
    'ALTER TABLE "tasks" DROP CONSTRAINT "tasks_note_present";',
  ],
};

export const STEP_NAMES: readonly string[] = (TASK_NOTES.online ?? []).map(
  (_, index, { length }) => `task_notes, online step ${index + 1} of ${length}`,
);

/** The migrations of a release with {@link TASK_NOTES}. */
export const ONLINE_SET: MigrationSet = {
  ...embeddedMigrations,
  migrations: [...embeddedMigrations.migrations, TASK_NOTES],
  shape: shapeWithNotes(),
};

function shapeWithNotes() {
  const shape = structuredClone(embeddedMigrations.shape) as unknown as {
    tables: Record<string, Record<string, Record<string, string>>>;
  };
  Object.assign(shape.tables["tasks"]?.["columns"] ?? {}, { note: "text DEFAULT 'none' NOT NULL" });
  Object.assign(shape.tables["tasks"]?.["constraints"] ?? {}, {
    tasks_note_length: 'CHECK (char_length("note") <= 100)',
  });
  Object.assign(shape.tables["tasks"]?.["indexes"] ?? {}, { tasks_note_idx: "btree (note)" });
  return shape as unknown as MigrationSet["shape"];
}

/** Fills a migrated database with so many tasks of one user. */
export async function insertTasks(sql: postgres.Sql, count: number): Promise<void> {
  await sql.unsafe(`
    insert into users (id, name, email) values ('00000000-0000-4000-8000-000000000001', 'Ada', 'ada@example.org');
    insert into goals (id, user_id, title) values ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'Run');
    insert into tasks (user_id, goal_id, title) select '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', 'Task ' || n
      from generate_series(1, ${count}) n;
    analyze tasks`);
}

/** What is left to do of {@link TASK_NOTES}, in the catalog, the rows and the journal; empty if it is done. */
export async function findUndone(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql.unsafe<{ what: string }[]>(`
    select 'rows' as what where exists (select from tasks where note is null)
    union all select 'index' where not exists (select from pg_index where indexrelid = to_regclass('tasks_note_idx') and indisvalid)
    union all select 'constraint' where not exists (select from pg_constraint where conname = 'tasks_note_length' and convalidated)
    union all select 'not null' from pg_attribute where attrelid = 'tasks'::regclass and attname = 'note' and not attnotnull
    union all select 'left constraint' from pg_constraint where conname = 'tasks_note_present'
    union all select 'other index ' || indexrelid::regclass from pg_index where not indisvalid
    union all select 'journal' from flux_dao_migrations where version = ${NEWEST + 1} and online is not null`);
  return rows.map(({ what }) => what);
}

/** Takes a database back to the version before {@link TASK_NOTES}. */
export async function undo(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(
    `alter table tasks drop column note cascade; delete from flux_dao_migrations where version > ${NEWEST}`,
  );
}
