import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repository } from "../../scripts/repository.ts";
import { compilePrograms, type Programs } from "../programs.ts";

const NEWEST = "0002_python_service_beside";

/** A file of `drizzle/`, with the marks that its author adds, as the documentation shows it: TASK_NOTES of `online-migration.ts`. */
const page = readFileSync(join(repository, "docs/how-to/migrate-without-downtime.md"), "utf8");
const TASK_NOTES_FILE = /^```pgsql\n(.*?)^```/ms.exec(page)?.[1] ?? "";

/** The migrations of later releases. */
export const LATER = {
  "0003_task_notes": TASK_NOTES_FILE,
  // Older code cannot know the table.
  "0004_incompatible": 'CREATE TABLE "later" ("id" uuid PRIMARY KEY);',
} as const;

/** Compiles the command `flux-dao` of a later release, which embeds these migrations, too. */
export async function compileNextVersion(names: readonly (keyof typeof LATER)[]): Promise<Programs<"cli">> {
  const folder = await mkdtemp(join(process.env["FLUX_TEST_PROGRAMS"] ?? tmpdir(), "flux-dao-next-"));
  const [from, to] = [join(folder, "drizzle"), join(folder, "migrations")];
  await cp(join(repository, "drizzle"), from, { recursive: true });
  await mkdir(join(to, "schema-check"), { recursive: true });
  const journalFile = join(from, "meta/_journal.json");
  const journal: { entries: { idx: number; tag: string }[] } = JSON.parse(await readFile(journalFile, "utf8"));
  for (const tag of names) {
    const idx = journal.entries.push({ idx: journal.entries.length, tag }) - 1;
    await writeFile(join(from, `${tag}.sql`), LATER[tag]);
    await writeFile(join(from, `meta/000${idx}_snapshot.json`), await snapshotWithNotes(from));
  }
  await writeFile(journalFile, JSON.stringify(journal));
  const embed = ["--import", "tsx", "scripts/embed-migrations.ts", "--from", from, "--to", to];
  await promisify(execFile)(process.execPath, embed, { cwd: repository });
  return compilePrograms(
    { cli: "packages/dao-http/src/cli.ts" },
    {
      "migrations.gen.ts": join(to, "migrations.gen.ts"),
      "schema-shape.gen.ts": join(to, "schema-check/schema-shape.gen.ts"),
    },
  );
}

async function snapshotWithNotes(from: string): Promise<string> {
  const snapshot = JSON.parse(await readFile(join(from, `meta/${NEWEST.slice(0, 4)}_snapshot.json`), "utf8"));
  const { columns, indexes, checkConstraints } = snapshot.tables["public.tasks"];
  columns.note = { name: "note", type: "text", primaryKey: false, notNull: true, default: "'none'" };
  const expression = { expression: "note", isExpression: false, asc: true, nulls: "last" };
  indexes.tasks_note_idx = {
    name: "tasks_note_idx",
    columns: [expression],
    isUnique: false,
    concurrently: true,
    method: "btree",
  };
  checkConstraints.tasks_note_length = { name: "tasks_note_length", value: 'char_length("tasks"."note") <= 100' };
  return JSON.stringify(snapshot);
}
