import { expect, test } from "vitest";
import { embeddedMigrations, type MigrationSet } from "../src/migrations/migration-set.ts";
import { NEWEST } from "./migration-versions.ts";
import { findUndone, insertTasks, ONLINE_SET } from "./online-migration.ts";
import { diagnose, migrate, planMigrations } from "./public-schema.ts";
import { checkSchema } from "./schema-catalog.ts";
import { withMigratedDatabase } from "./scratch-database.ts";

/** Later migrations, each with the lowest version of the code that is compatible with it. */
function later(...steps: readonly { readonly since?: number; readonly statement: string }[]): MigrationSet {
  const added = steps.map(({ since, statement }, index) => ({
    version: NEWEST + 1 + index,
    name: `later_${index}`,
    checksum: `later_${index}`,
    statements: [statement],
    ...(since !== undefined && { compatibleSince: since }),
  }));
  return { ...embeddedMigrations, migrations: [...embeddedMigrations.migrations, ...added], shape: undefined };
}

const compatible = [
  ["adds a table", 'CREATE TABLE "later" ("id" uuid);'],
  ["adds a column", `ALTER TABLE "tasks" ADD COLUMN "note" text DEFAULT '' NOT NULL;`],
  ["drops an index", 'DROP INDEX "tasks_goal_id_idx";'],
  ["drops a constraint", 'ALTER TABLE "tasks" DROP CONSTRAINT "tasks_title_length";'],
  ["loosens a column", 'ALTER TABLE "tasks" ALTER COLUMN "title" DROP NOT NULL;'],
  ["tightens a column", 'ALTER TABLE "tasks" ALTER COLUMN "start_time" SET NOT NULL;'],
] as const;

test.each(compatible)(
  "code goes on when a newer, compatible migration %s; its own migrate() leaves that alone",
  (_, statement) =>
    withMigratedDatabase(async (database) => {
      await migrate(database.driver(), {}, later({ since: NEWEST, statement }));
      await checkSchema(database.driver());
      const untouched = { from: NEWEST + 1, to: NEWEST + 1, applied: [] };
      expect(await planMigrations(database.driver())).toMatchObject({ ...untouched, repairs: [], sql: "" });
      expect(await migrate(database.driver())).toMatchObject({ ...untouched, repaired: [], online: [] });
      expect((await diagnose(database.driver())).filter(({ ok }) => !ok)).toEqual([]);
    }),
);

test.each([
  [
    "drops a column that the code needs",
    'ALTER TABLE "tasks" DROP COLUMN "priority";',
    /the column tasks\.priority is missing/,
  ],
  [
    "adds a column that the code must insert",
    'ALTER TABLE "tasks" ADD COLUMN "note" text NOT NULL;',
    /tasks\.note, an extra column/,
  ],
])("a migration that %s is not compatible, whatever it says", (_, statement, reason) =>
  withMigratedDatabase(async (database) => {
    await migrate(database.driver(), {}, later({ since: NEWEST, statement }));
    await expect(checkSchema(database.driver())).rejects.toThrow(reason);
  }),
);

test.each([
  ["one that is not", [{ statement: "SELECT 1;" }]],
  [
    "one of several that is not",
    [
      { since: NEWEST, statement: "SELECT 1;" },
      { since: NEWEST + 1, statement: "SELECT 1;" },
    ],
  ],
])("code refuses a database with newer migrations, and %s compatible with it", (_, steps) =>
  withMigratedDatabase(async (database) => {
    await migrate(database.driver(), {}, later(...steps));
    const refused = {
      name: "SchemaVersionError",
      isNewer: true,
      message: expect.stringMatching(/newer than version \d+, which this code needs/),
    };
    await expect(checkSchema(database.driver())).rejects.toMatchObject(refused);
    await expect(migrate(database.driver())).rejects.toMatchObject(refused);
  }),
);

test("a journal of an earlier release gets the columns that it lacks when they are needed", () =>
  withMigratedDatabase(async (database) => {
    await insertTasks(database.sql, 100);
    await database.sql.unsafe("alter table flux_dao_migrations drop column compatible_since, drop column online");
    await checkSchema(database.driver());
    expect(await migrate(database.driver())).toMatchObject({ applied: [], repaired: [] });
    expect(await migrate(database.driver(), {}, ONLINE_SET)).toMatchObject({ applied: ["task_notes"] });
    expect(await findUndone(database.sql)).toEqual([]);
    await checkSchema(database.driver());
  }));
