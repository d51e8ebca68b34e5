/**
 * Generates `migrations.gen.ts`, `schema-check/schema-shape.gen.ts` and `schema-check/schema-facts.gen.ts` in
 * `packages/dao-core/src/migrations/` from `drizzle/`, so that a bundled or published library contains its SQL. With
 * `--check` it writes nothing, and exits with 1 if a file is out of date. `--from` and `--to` name other folders, for tests.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type Snapshot, schemaShapeText } from "./schema-shape.ts";

const { values: flags } = parseArgs({
  options: { check: { type: "boolean" }, from: { type: "string" }, to: { type: "string" } },
});
const folder = (path: string | undefined, usual: string) =>
  path === undefined ? new URL(usual, import.meta.url) : pathToFileURL(`${path}/`);
const drizzleFolder = folder(flags.from, "../drizzle/");
const generatedFolder = folder(flags.to, "../packages/dao-core/src/migrations/");

/** Normalizes line endings, since the checksum must not depend on the checkout. */
async function readText(file: URL): Promise<string> {
  return (await readFile(file, "utf8")).replaceAll("\r\n", "\n");
}

/** The names of the migrations, in the order of drizzle-kit's journal. */
async function migrationNames(): Promise<string[]> {
  const journal: { entries: { idx: number; tag: string }[] } = JSON.parse(
    await readText(new URL("meta/_journal.json", drizzleFolder)),
  );
  return journal.entries.toSorted((a, b) => a.idx - b.idx).map((entry) => entry.tag);
}

/** Citus renames the table of an added CHECK for each node, but not the table's name before a column within it. */
const unqualifiedCheck = (statement: string) =>
  statement.replace(/ALTER TABLE ("\w+") ADD CONSTRAINT "\w+" CHECK .*/s, (check, table: string) =>
    check.replaceAll(`${table}.`, ""),
  );

const COMPATIBLE = /^--> compatible since (\S+)$/m;
const ONLINE = /^--> online$/m;

/** The statements of a file; without the mark of those that are online. */
function statementsOf(sql: string, isOnline = false): string[] {
  const chunks = sql.replace(COMPATIBLE, "").split("--> statement-breakpoint");
  const statements = chunks.filter((chunk) => ONLINE.test(chunk) === isOnline);
  return statements.map((statement) => unqualifiedCheck(statement.replace(ONLINE, "").trim())).filter(Boolean);
}

/** @throws Error for what would fail, or be done in the wrong order */
function verifyMarks(name: string, sql: string): void {
  const marks = sql.split("--> statement-breakpoint").map((chunk) => ONLINE.test(chunk));
  if (marks.lastIndexOf(false) > marks.indexOf(true) && marks.includes(true)) {
    throw new Error(`${name}: a statement follows one that is online, but would be executed before it. Move it up.`);
  }
  const isIndex = (statement: string) => statement.includes(" CONCURRENTLY ");
  if (statementsOf(sql).some(isIndex)) throw new Error(`${name}: mark what is CONCURRENTLY as --> online.`);
  const index = /^(--.*\n)*CREATE (UNIQUE )?INDEX CONCURRENTLY (IF NOT EXISTS )?"\w+" ON ("public"\.)?"\w+" [^;]*;$/;
  const other = statementsOf(sql, true).find((statement) => isIndex(statement) && !index.test(statement));
  if (other !== undefined) throw new Error(`${name}: not CREATE INDEX CONCURRENTLY "name" ON "table" …; but ${other}`);
}

/** Without lines that only comment on a statement. */
const withoutComments = (sql: string) => sql.replace(/^--(?!>).*\n/gm, "");

/** Statements as the text of an array. */
function statementsText(statements: readonly string[], indent = ""): string {
  const lines = statements.map((statement) => `${indent}  ${JSON.stringify(statement)},`);
  return ["[", ...lines, `${indent}]`].join("\n");
}

async function generatedText(): Promise<string> {
  const migrations: string[] = [];
  const fingerprint = createHash("sha256");
  const names = await migrationNames();
  for (const [index, name] of names.entries()) {
    const sql = await readText(new URL(`${name}.sql`, drizzleFolder));
    const checksum = createHash("sha256").update(sql).digest("hex");
    fingerprint.update(checksum);
    verifyMarks(name, sql);
    const online = statementsOf(sql, true);
    const [, since] = COMPATIBLE.exec(sql) ?? [];
    if (since !== undefined && !names.slice(0, index).includes(since)) throw new Error(`${name}: no earlier ${since}`);
    migrations.push(
      "  {",
      `    version: ${index + 1},`,
      `    name: ${JSON.stringify(name)},`,
      `    checksum: "${checksum}",`,
      `    statements: ${statementsText(statementsOf(sql), "    ")},`,
      ...(online.length === 0 ? [] : [`    online: ${statementsText(online, "    ")},`]),
      ...(since === undefined ? [] : [`    compatibleSince: ${names.indexOf(since) + 1},`]),
      "  },",
    );
  }
  const adoption = await readText(new URL("adopt/python-service.sql", drizzleFolder));
  const feed = withoutComments(await readText(new URL("changes/feed.sql", drizzleFolder)));
  return [
    "// Generated by scripts/embed-migrations.ts from drizzle/: run `pnpm generate` to change it.",
    "",
    "/** drizzle/*.sql */",
    "export const MIGRATIONS = [",
    ...migrations,
    "];",
    "",
    "/** Differs wherever the schema that the migrations lead to may differ. */",
    `export const MIGRATIONS_FINGERPRINT = "${fingerprint.digest("hex").slice(0, 12)}";`,
    "",
    "/** drizzle/adopt/python-service.sql */",
    `export const ADOPT_PYTHON_SERVICE = ${statementsText(statementsOf(adoption))};`,
    "",
    "/** drizzle/changes/feed.sql */",
    `export const CHANGE_FEED: readonly string[] = ${statementsText(statementsOf(feed))};`,
    "",
  ].join("\n");
}

async function shapeText(): Promise<string> {
  const last = (await migrationNames()).at(-1)?.split("_")[0];
  const snapshot: Snapshot = JSON.parse(await readText(new URL(`meta/${last}_snapshot.json`, drizzleFolder)));
  return schemaShapeText(snapshot);
}

async function factsText(): Promise<string> {
  const sql = withoutComments(await readText(new URL("check/schema-facts.sql", drizzleFolder)));
  return [
    "// Generated by scripts/embed-migrations.ts from drizzle/: run `pnpm generate` to change it.",
    "",
    "/** drizzle/check/schema-facts.sql */",
    `export const FACTS = ${JSON.stringify(sql.trim())};`,
    "",
  ].join("\n");
}

const generated = {
  "migrations.gen.ts": await generatedText(),
  "schema-check/schema-shape.gen.ts": await shapeText(),
  "schema-check/schema-facts.gen.ts": await factsText(),
};
for (const [name, text] of Object.entries(generated)) {
  const file = new URL(name, generatedFolder);
  if (flags.check !== true) await writeFile(file, text);
  else if ((await readText(file).catch(() => "")) !== text) {
    process.stderr.write(`${fileURLToPath(file)} is out of date with drizzle/. Run: pnpm generate\n`);
    process.exitCode = 1;
  }
}
