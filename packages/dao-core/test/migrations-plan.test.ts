import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { embeddedMigrations } from "../src/migrations/migration-set.ts";
import { MIGRATIONS_FINGERPRINT } from "../src/migrations/migrations.gen.ts";
import { ALL_NAMES, NEWEST } from "./migration-versions.ts";
import { migrate, planMigrations } from "./public-schema.ts";
import { IRREGULAR_ROWS, PYTHON_SERVICE_DDL, REGULAR_ROWS, VIOLATION_COUNTS } from "./python-service-database.ts";
import { checkSchema, readSchemaCatalog } from "./schema-catalog.ts";
import { connect, withRole, withScratchDatabase } from "./scratch-database.ts";

const beginnings: [what: string, before: string, adopts: boolean][] = [
  ["an empty database", "", false],
  ["a database of the Python service", PYTHON_SERVICE_DDL + REGULAR_ROWS, true],
  ["one whose rows break rules", PYTHON_SERVICE_DDL + REGULAR_ROWS + IRREGULAR_ROWS, true],
];

test.each(beginnings)("the plan for %s, run by hand, does what migrate() does", (_, before, adopts) =>
  withScratchDatabase(async (byHand) => {
    await byHand.sql.unsafe(before);
    const catalogBefore = await readSchemaCatalog(byHand.sql);
    const plan = await planMigrations(byHand.driver());
    expect(plan).toMatchObject({ from: 0, to: NEWEST, applied: ALL_NAMES, adopts });
    expect(await readSchemaCatalog(byHand.sql)).toEqual(catalogBefore);
    await runAsPsql(byHand.url, plan.sql);
    await checkSchema(byHand.driver());
    const report = await migrate(byHand.driver());
    expect(report).toMatchObject({ from: NEWEST, applied: [], adopted: false });
    if (before.includes(IRREGULAR_ROWS)) expect(report.violations).toHaveLength(Object.keys(VIOLATION_COUNTS).length);
    await withScratchDatabase(async (byCode) => {
      await byCode.sql.unsafe(before);
      await migrate(byCode.driver());
      expect(await readSchemaCatalog(byHand.sql)).toEqual(await readSchemaCatalog(byCode.sql));
      const journal = "select version, name, checksum from flux_dao_migrations";
      expect([...(await byHand.sql.unsafe(journal))]).toEqual([...(await byCode.sql.unsafe(journal))]);
    });
    expect(await planMigrations(byHand.driver())).toEqual({
      from: NEWEST,
      to: NEWEST,
      applied: [],
      adopts: false,
      enablesChanges: false,
      repairs: [],
      online: [],
      sql: "",
    });
    // Run twice, it must fail as a whole.
    const made = await readSchemaCatalog(byHand.sql);
    await expect(runAsPsql(byHand.url, plan.sql)).rejects.toMatchObject({ code: "42P07" });
    expect(await readSchemaCatalog(byHand.sql)).toEqual(made);
  }),
);

test("the plan for the previous version, run as one script, completes it", () =>
  withScratchDatabase(async (byHand) => {
    const older = embeddedMigrations.migrations.slice(0, -1);
    await migrate(byHand.driver(), {}, { ...embeddedMigrations, migrations: older, shape: undefined });
    const plan = await planMigrations(byHand.driver());
    expect(plan).toMatchObject({ from: older.length, to: NEWEST, applied: ALL_NAMES.slice(-1), adopts: false });
    await byHand.sql.unsafe(plan.sql);
    await withScratchDatabase(async (byCode) => {
      await migrate(byCode.driver());
      expect(await readSchemaCatalog(byHand.sql)).toEqual(await readSchemaCatalog(byCode.sql));
    });
  }));

test("a plan only reads: a read-only role can create it, and nothing is changed", () =>
  withScratchDatabase(async (database) => {
    await withRole(database, async (url) => {
      const plan = await planMigrations(database.driver({ url }));
      expect(plan).toMatchObject({ from: 0, to: NEWEST, applied: ALL_NAMES });
      expect(await readSchemaCatalog(database.sql)).toEqual([]);
      await expect(migrate(database.driver({ url }))).rejects.toThrow(
        /have such a role run the SQL that planMigrations/,
      );
      await runAsPsql(database.url, plan.sql);
      await database.sql.unsafe(`grant all on all tables in schema public to public`);
      await checkSchema(database.driver({ url }));
    });
  }));

/**
 * Statement by statement on one connection, like psql with ON_ERROR_STOP; an open transaction is rolled back at the end.
 */
async function runAsPsql(url: string, script: string): Promise<void> {
  const sql = connect(url);
  try {
    for (const statement of splitAsPsql(script)) await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** A comment or a quoted or dollar-quoted text as a whole, otherwise the text up to the next one. */
const piece = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|;|[^;'"$/-]+|[\s\S]/g;

function splitAsPsql(script: string): string[] {
  const statements = [""];
  for (const [text] of script.matchAll(piece)) {
    if (text === ";") statements.push("");
    else statements.push(`${statements.pop()}${text}`);
  }
  return statements.filter((statement) => statement.replace(/--[^\n]*/g, "").trim() !== "");
}

test("a plan is refused if migrate() would refuse", () =>
  withScratchDatabase(async (database) => {
    await database.sql.unsafe("create table users (id integer)");
    await expect(planMigrations(database.driver())).rejects.toMatchObject({ name: "SchemaVersionError" });
  }));

test("the embedded migrations are those of drizzle/", async () => {
  const repository = fileURLToPath(new URL("../../..", import.meta.url));
  const script = ["--import", "tsx", "scripts/embed-migrations.ts", "--check"];
  await promisify(execFile)(process.execPath, script, { cwd: repository });
  expect(MIGRATIONS_FINGERPRINT).toMatch(/^[0-9a-f]{12}$/);
});
