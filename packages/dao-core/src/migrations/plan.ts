import { SchemaVersionError } from "../contract/errors.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { CREATE_JOURNAL, JOURNAL_TABLE, journalInsert, readJournal, verifyJournal } from "./journal.ts";
import type { Migration } from "./migration.ts";
import { type MigrationSet, schemaVersion, statementsOf } from "./migration-set.ts";
import { comparePythonService, type PythonServiceComparison } from "./python-service-shape.ts";
import { findSchemaDifferences, type SchemaDifference } from "./schema-check/schema-differences.ts";
import { adviceFor, schemaDifferenceError } from "./schema-check/schema-error.ts";
import { readSchemaFacts, type SchemaFact } from "./schema-check/schema-facts.ts";
import type { MigrationStep } from "./schema-check/schema-repairs.ts";

/** What has to be done to a database. */
export interface MigrationPlan {
  readonly from: number;
  readonly to: number;
  /** The migrations that enter the journal. */
  readonly applied: readonly string[];
  readonly takesOver: boolean;
  /** How the schema differs from what the migrations made; nothing while there are migrations to apply. */
  readonly differences: readonly SchemaDifference[];
  readonly steps: readonly MigrationStep[];
}

/**
 * Makes every name without a schema one of `public`, where drizzle-kit's migrations belong, and every literal be read by
 * the standard, whatever the role's settings, and the catalog be written so that it can be compared; a row-level policy that hides rows is an error rather than rows left out.
 * For the transaction only.
 */
export const SETTINGS: readonly string[] = [
  "SET LOCAL search_path TO public;",
  "SET LOCAL standard_conforming_strings TO on;",
  "SET LOCAL quote_all_identifiers TO off;",
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
  const facts = set.shape === undefined ? undefined : await readSchemaFacts(executor, set.shape);
  const recorded = journal?.at(-1)?.version ?? 0;
  const remains = removalOfRemains(facts, set, recorded);
  const from = remains === undefined ? recorded : 0;
  const to = schemaVersion(set);
  const takesOver = recorded === 0 && remains === undefined && (await isPythonService(executor, set, facts));
  const pending = set.migrations.filter((migration) => migration.version > from);
  const steps = pending.map((migration) => stepOf(migration, takesOver ? set : undefined));
  if (remains !== undefined) steps.unshift(remains);
  if (journal === undefined) steps.unshift({ name: "the journal", statements: [CREATE_JOURNAL] });
  const isCurrent = pending.length === 0 && facts !== undefined && set.shape !== undefined;
  const differences = isCurrent ? findSchemaDifferences(facts, set.shape) : [];
  steps.push(...repairsOf(differences));
  return { from, to, applied: pending.map((migration) => migration.name), takesOver, differences, steps };
}

/** Keys come first: other rules refer to them. */
function repairsOf(differences: readonly SchemaDifference[]): MigrationStep[] {
  const repairs = differences.flatMap(({ repair }) => repair ?? []);
  return repairs.toSorted((a, b) => Number(b.isKey ?? false) - Number(a.isKey ?? false));
}

/** Where all tables are gone: what the journal says of them, and their types. Without it, types of ours alone are known by their values. */
function removalOfRemains(
  facts: readonly SchemaFact[] | undefined,
  { shape }: MigrationSet,
  recorded: number,
): MigrationStep | undefined {
  if (facts === undefined || facts.some(({ kind }) => kind === "table")) return undefined;
  const types = facts.filter(({ kind }) => kind === "enum");
  const areOurs = types.length > 0 && types.every(({ table, detail }) => shape?.enums[table]?.join(", ") === detail);
  if (recorded === 0 && !areOurs) return undefined;
  const drops = types.map(({ table }) => `DROP TYPE "public"."${table}";`);
  return { name: "the removal of what the tables left", statements: [`DELETE FROM ${JOURNAL_TABLE};`, ...drops] };
}

/** @throws SchemaVersionError where the plan would leave something as it should not be */
export function refuseDifferences({ differences, to }: MigrationPlan): void {
  const refused = differences.filter(({ repair }) => repair === undefined);
  if (refused.length > 0) throw schemaDifferenceError(refused, to, adviceFor(refused));
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
async function isPythonService(
  executor: SqlExecutor,
  set: MigrationSet,
  facts: readonly SchemaFact[] = [],
): Promise<boolean> {
  const comparison = await comparePythonService(executor);
  if (comparison.present.length === 0) return false;
  if (comparison.differences.length === 0) return true;
  const isOurs = set.shape !== undefined && findSchemaDifferences(facts, set.shape).length === 0;
  throw isOurs && facts.some(({ kind }) => kind === "table")
    ? lostJournalError(set)
    : foreignTablesError(comparison, schemaVersion(set));
}

/** Not written by itself: a later release may have migrated these tables, in a way that does not show. */
function lostJournalError(set: MigrationSet): SchemaVersionError {
  const statements = [
    CREATE_JOURNAL.replace("TABLE", "TABLE IF NOT EXISTS").replace(/\s+/g, " "),
    ...set.migrations.map(journalInsert),
  ];
  return new SchemaVersionError(
    `The tables are as version ${schemaVersion(set)}, which this code needs, makes them, but their journal ` +
      "flux_dao_migrations is missing or empty. Nothing was changed. Restore it from a backup, or, if no later release has " +
      `migrated this database, run: ${statements.join(" ")}`,
  );
}

function foreignTablesError({ present, differences }: PythonServiceComparison, to: number): SchemaVersionError {
  const shown = differences.slice(0, 5).join("; ");
  const more = differences.length > 5 ? `; and ${differences.length - 5} more` : "";
  return new SchemaVersionError(
    `The database has no journal flux_dao_migrations (version 0; this code needs version ${to}), but has ` +
      `${present.join(", ")} in the schema public, and not as the Python service made them: ${shown}${more}. ` +
      "Nothing was changed. Use another database, drop or correct these, or restore the journal if the tables are ours.",
  );
}
