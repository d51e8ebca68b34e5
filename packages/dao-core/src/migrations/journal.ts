import { SchemaVersionError } from "../contract/errors.ts";
import { type SchemaName, textLiteral } from "../schema/schema-name.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";
import { type Migration, type MigrationSet, schemaVersion } from "./migration-set.ts";

export const JOURNAL = "flux_dao_migrations";

export const createJournal = (schema: SchemaName) => `CREATE TABLE ${schema.qualified(JOURNAL)} (
	"version" integer PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"checksum" text NOT NULL,
	"applied_at" timestamp with time zone DEFAULT now() NOT NULL,
	"compatible_since" integer,
	"online" jsonb
);`;

/** How far the online steps of a migration are. The journal keeps it as JSON, and NULL once all of them are done. */
export interface OnlineProgress {
  readonly done: number;
  /** Of the next step: the last key of the batches that are done. */
  readonly cursor?: string;
  /** Of the next step: when a process began to build its index, in milliseconds since 1970 by the server's clock. */
  readonly claimedAt?: number;
}

/** Returns the statement that records the progress of `version`; `undefined` if all online steps are done. */
export function progressUpdate(schema: SchemaName, version: number, progress: OnlineProgress | undefined): string {
  const value = progress === undefined ? "NULL" : textLiteral(JSON.stringify(progress));
  return `UPDATE ${schema.qualified(JOURNAL)} SET "online" = ${value} WHERE "version" = ${version};`;
}

/**
 * Returns the statements that record `migration`, without parameters, so that they can also be run by hand.
 * @param isWhole whether its online steps are done, too
 */
export function journalInsert(schema: SchemaName, migration: Migration, isWhole = false): string[] {
  const { version, name, checksum, compatibleSince, online = [] } = migration;
  const journal = schema.qualified(JOURNAL);
  const values = [version, textLiteral(name), textLiteral(checksum)].join(", ");
  if (compatibleSince === undefined && online.length === 0) {
    return [`INSERT INTO ${journal} ("version", "name", "checksum") VALUES (${values});`];
  }
  const progress = isWhole || online.length === 0 ? "NULL" : `'{"done":0}'`;
  return [
    // Journals of earlier releases lack them.
    `ALTER TABLE ${journal} ADD COLUMN IF NOT EXISTS "compatible_since" integer, ADD COLUMN IF NOT EXISTS "online" jsonb;`,
    `INSERT INTO ${journal} ("version", "name", "checksum", "compatible_since", "online") VALUES (${values}, ${compatibleSince ?? "NULL"}, ${progress});`,
  ];
}

type JournalEntry = NonNullable<Awaited<ReturnType<typeof readJournal>>>[number];

/** Columns that journals of earlier releases lack are NULL. */
export const COMPATIBLE_SINCE = `coalesce((to_jsonb(j) ->> 'compatible_since')::integer, version)`;
export const ONLINE = `to_jsonb(j) ->> 'online'`;

/**
 * Reads the journal by ascending version; `undefined` if there is no such table.
 * @throws SchemaVersionError if it lacks a column, or if the role may not read all of it
 */
export async function readJournal(executor: SqlExecutor, schema: SchemaName) {
  // The catalog first: a failed statement would abort the transaction.
  const { rows: tables } = await executor.execute(
    `select (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attname in ('version', 'name', 'checksum')) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = '${JOURNAL}'`,
    [schema.name],
  );
  if (tables.length === 0) return undefined;
  if (Number(tables[0]?.[0]) < 3) throw unreadableJournalError();
  const text = `select version as version, name as name, checksum as checksum, ${COMPATIBLE_SINCE} as since, ${ONLINE} as online
    from ${schema.qualified(JOURNAL)} j order by version`;
  const { rows } = await executor.execute(text, []).catch((error: unknown) => {
    throw databaseErrorFacts(error)?.code === "42501" ? hiddenJournalError(schema, error) : error;
  });
  return rows.map(([version, name, checksum, compatibleSince, online]) => ({
    version: Number(version),
    name: String(name),
    checksum: String(checksum),
    compatibleSince: Number(compatibleSince),
    /** `undefined` if all online steps are done. */
    progress: typeof online === "string" ? readProgress(online) : undefined,
  }));
}

/** @throws SchemaVersionError for what {@link progressUpdate} does not write */
export function readProgress(text: string): OnlineProgress {
  try {
    const progress: OnlineProgress = JSON.parse(text);
    if (Number.isInteger(progress.done)) return progress;
  } catch {
    // It was written by hand.
  }
  throw new SchemaVersionError(
    'The column "online" of the table flux_dao_migrations, which records how far online steps are, was changed by hand. Set it to ' +
      `'{"done":0}' where it is not NULL, and run migrate(), which does them again.`,
  );
}

/**
 * Checks that `journal` records the first migrations of `set`, and after them only such that are compatible with it.
 * @throws SchemaVersionError if the database is newer than the code supports, or was migrated by other migrations
 */
export function verifyJournal(schema: SchemaName, journal: readonly JournalEntry[], set: MigrationSet): void {
  const codeVersion = schemaVersion(set);
  const last = journal.at(-1);
  if (last === undefined) return;
  const supports = ({ version, compatibleSince }: JournalEntry) => Math.min(version, compatibleSince) <= codeVersion;
  if (!journal.every(supports)) throw newerSchemaError(last.version, codeVersion);
  const versions = `The database is at version ${last.version}, this code at version ${codeVersion}`;
  for (const migration of set.migrations.slice(0, last.version)) {
    const { version, name, checksum } = migration;
    const entry = journal.find((candidate) => candidate.version === version);
    if (entry?.checksum === checksum) continue;
    if (entry === undefined) {
      throw new SchemaVersionError(
        `${versions}, but the journal flux_dao_migrations lacks version ${version} (${name}). ` +
          `Restore its row: ${journalInsert(schema, migration)}`,
      );
    }
    throw new SchemaVersionError(
      `${versions}, but version ${version} was applied as ${entry.name} with the checksum ${short(entry.checksum)}; ` +
        `this code has ${name} with ${short(checksum)}. A migration must not change after it was applied: ` +
        "use the release that migrated the database, and make the change in a new migration.",
    );
  }
}

const short = (checksum: string) => `${checksum.slice(0, 12)}…`;

export function newerSchemaError(databaseVersion: number, codeVersion: number): SchemaVersionError {
  return new SchemaVersionError(
    `The database's schema is at version ${databaseVersion}, newer than version ${codeVersion}, which this code needs. ` +
      "Run a release that supports it.",
    { isNewer: true },
  );
}

export function unreadableJournalError(cause?: unknown): SchemaVersionError {
  return new SchemaVersionError(
    "The table flux_dao_migrations, which records the version of the schema, lacks a column, and nothing was changed. Restore " +
      "it from a backup; or drop it and run migrate(), which then prints the SQL that recreates it.",
    { cause },
  );
}

/** For a journal that the role may not read, or from which row-level security could hide rows. */
export function hiddenJournalError({ name }: SchemaName, cause?: unknown): SchemaVersionError {
  return new SchemaVersionError(
    "The database role may not read all of the table flux_dao_migrations, which records the version of the schema, and nothing " +
      `was changed. Grant it SELECT on that table and USAGE on the schema ${name}, or use the owner of the tables. Also ` +
      "disable row-level security on that table if it is enabled, or create a policy that lets the role read all rows.",
    { cause },
  );
}
