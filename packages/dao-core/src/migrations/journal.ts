import { SchemaVersionError } from "../contract/errors.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";
import type { Migration } from "./migration.ts";
import { type MigrationSet, schemaVersion } from "./migration-set.ts";

/** The table that says which migrations a database has. */
export const JOURNAL_TABLE = '"public"."flux_dao_migrations"';

export const CREATE_JOURNAL = `CREATE TABLE ${JOURNAL_TABLE} (
	"version" integer PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"checksum" text NOT NULL,
	"applied_at" timestamp with time zone DEFAULT now() NOT NULL
);`;

/** The statement that enters `migration`; a text without parameters, so that a person can run it too. */
export function journalInsert({ version, name, checksum }: Migration): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  return `INSERT INTO ${JOURNAL_TABLE} ("version", "name", "checksum") VALUES (${version}, ${quoted(name)}, ${quoted(checksum)});`;
}

export interface JournalEntry {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * The journal by ascending version, or `undefined` where there is no such table.
 * @throws SchemaVersionError for one that lacks a column, or that the role may not read all of
 */
export async function readJournal(executor: SqlExecutor): Promise<JournalEntry[] | undefined> {
  // Asked of the catalog first: a statement that fails would end the transaction.
  const { rows: tables } = await executor.execute(
    `select (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attname in ('version', 'name', 'checksum')) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relname = 'flux_dao_migrations'`,
    [],
  );
  if (tables.length === 0) return undefined;
  if (Number(tables[0]?.[0]) < 3) throw unreadableJournalError();
  const text = `select version as version, name as name, checksum as checksum from ${JOURNAL_TABLE} order by version`;
  const { rows } = await executor.execute(text, []).catch((error: unknown) => {
    throw databaseErrorFacts(error)?.code === "42501" ? hiddenJournalError(error) : error;
  });
  return rows.map(([version, name, checksum]) => ({
    version: Number(version),
    name: String(name),
    checksum: String(checksum),
  }));
}

/**
 * Makes sure that `journal` is how `set` begins.
 * @throws SchemaVersionError when the database is newer than the code, or has other migrations than the code
 */
export function verifyJournal(journal: readonly JournalEntry[], set: MigrationSet): void {
  const codeVersion = schemaVersion(set);
  const last = journal.at(-1);
  if (last === undefined) return;
  if (last.version > codeVersion) throw newerSchemaError(last.version, codeVersion);
  const versions = `The database is at version ${last.version}, this code at version ${codeVersion}`;
  for (const migration of set.migrations.slice(0, last.version)) {
    const { version, name, checksum } = migration;
    const entry = journal.find((candidate) => candidate.version === version);
    if (entry === undefined) {
      throw new SchemaVersionError(
        `${versions}, but the journal flux_dao_migrations lacks version ${version} (${name}). ` +
          `Restore its row: ${journalInsert(migration)}`,
      );
    }
    if (entry.checksum === checksum) continue;
    throw new SchemaVersionError(
      `${versions}, but version ${version} was applied as ${entry.name} with the checksum ${short(entry.checksum)}, ` +
        `where this code has ${name} with ${short(checksum)}. A migration must not change once it was applied: ` +
        "use the release that the database was migrated with, and put the change into a new migration.",
    );
  }
}

const short = (checksum: string) => `${checksum.slice(0, 12)}…`;

/** The refusal of a database that a later release has migrated. */
export function newerSchemaError(databaseVersion: number, codeVersion: number): SchemaVersionError {
  return new SchemaVersionError(
    `The database's schema is at version ${databaseVersion}, newer than version ${codeVersion}, which this code needs. ` +
      "Run a release that knows it.",
    { isNewer: true },
  );
}

/** The refusal of a journal that lacks a column. */
export function unreadableJournalError(cause?: unknown): SchemaVersionError {
  return new SchemaVersionError(
    "The table flux_dao_migrations, by which the version of the database's schema is known, lacks a column, and nothing was " +
      "changed. Restore it from a backup; or drop it, and run migrate(), which says how to write it again.",
    { cause },
  );
}

/** The refusal of a journal that the role may not read, or of which row-level security could hide rows. */
function hiddenJournalError(cause: unknown): SchemaVersionError {
  return new SchemaVersionError(
    "The database role may not read all of the table flux_dao_migrations, by which the version of the database's schema is known, " +
      "and nothing was changed. Grant it SELECT on that table, and USAGE on the schema public, or use the owner of the tables; and " +
      "disable row-level security on that table, where it is enabled.",
    { cause },
  );
}
