import { SchemaVersionError } from "../contract/errors.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { CREATE_JOURNAL, journalInsert, readJournal, verifyJournal } from "./journal.ts";
import type { Migration } from "./migration.ts";
import { type MigrationSet, schemaVersion, statementsOf } from "./migration-set.ts";
import { comparePythonService, type PythonServiceComparison } from "./python-service-shape.ts";

/** A part of a migration that succeeds or fails as one. */
interface MigrationStep {
  /** For messages: `0000_initial`. */
  readonly name: string;
  /** Each a single statement that ends in a semicolon. */
  readonly statements: readonly string[];
}

/** What has to be done to a database. */
export interface MigrationPlan {
  readonly from: number;
  readonly to: number;
  /** The migrations that enter the journal. */
  readonly applied: readonly string[];
  readonly takesOver: boolean;
  readonly steps: readonly MigrationStep[];
}

/**
 * Makes every name without a schema one of `public`, where drizzle-kit's migrations belong, and every literal be read by
 * the standard, whatever the role's settings; a row-level policy that hides rows is an error rather than rows left out.
 * For the transaction only.
 */
export const SETTINGS: readonly string[] = [
  "SET LOCAL search_path TO public;",
  "SET LOCAL standard_conforming_strings TO on;",
  "SET LOCAL row_security TO off;",
];

/**
 * One migrator at a time in a database: the others wait here. The lock belongs to the transaction, so a connection that
 * breaks, or a proxy that hands it on, cannot keep it. The number is "fluxdao" in ASCII.
 */
export const LOCK = "SELECT pg_advisory_xact_lock(28829699411304815);";

/**
 * Finds out what `set` has to do to the database. Reads only; runs after {@link SETTINGS}.
 * @throws SchemaVersionError when the database is newer than the code, was migrated by other migrations, or has tables
 *   that are neither ours nor the Python service's
 */
export async function makePlan(executor: SqlExecutor, set: MigrationSet): Promise<MigrationPlan> {
  const journal = await readJournal(executor);
  verifyJournal(journal ?? [], set);
  const from = journal?.at(-1)?.version ?? 0;
  const to = schemaVersion(set);
  const takesOver = from === 0 && (await isPythonService(executor, to));
  const pending = set.migrations.filter((migration) => migration.version > from);
  const steps = pending.map((migration) => stepOf(migration, takesOver ? set : undefined));
  if (journal === undefined) steps.unshift({ name: "the journal", statements: [CREATE_JOURNAL] });
  return { from, to, applied: pending.map((migration) => migration.name), takesOver, steps };
}

function stepOf(migration: Migration, takeoverSet: MigrationSet | undefined): MigrationStep {
  if (takeoverSet !== undefined && migration.version === 1) {
    return {
      name: "the takeover from the Python service",
      statements: [...statementsOf(takeoverSet.takeover), journalInsert(migration)],
    };
  }
  return { name: migration.name, statements: [...statementsOf(migration.sql), journalInsert(migration)] };
}

/** Whether a database without a journal is the Python service's, and not an empty one. */
async function isPythonService(executor: SqlExecutor, to: number): Promise<boolean> {
  const comparison = await comparePythonService(executor);
  if (comparison.present.length === 0) return false;
  if (comparison.differences.length > 0) throw foreignTablesError(comparison, to);
  return true;
}

function foreignTablesError({ present, differences }: PythonServiceComparison, to: number): SchemaVersionError {
  const shown = differences.slice(0, 5).join("; ");
  const more = differences.length > 5 ? `; and ${differences.length - 5} more` : "";
  return new SchemaVersionError(
    `The database has no journal flux_dao_migrations (version 0; this code needs version ${to}), but has ` +
      `${present.join(", ")} in the schema public, and not as the Python service made them: ${shown}${more}. ` +
      "Nothing was changed. Use another database, correct these, or restore the journal if the tables are ours.",
  );
}
