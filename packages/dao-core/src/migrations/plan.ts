import { SchemaVersionError } from "../contract/errors.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { CREATE_JOURNAL, JOURNAL_TABLE, journalInsert, readJournal, verifyJournal } from "./journal.ts";
import { type Migration, type MigrationSet, schemaVersion, statementsOf } from "./migration-set.ts";
import { comparePythonService, type PythonServiceComparison } from "./python-service-shape.ts";
import { adviceFor, type SchemaDifference, schemaDifferenceError } from "./schema-check/schema-difference.ts";
import { findSchemaDifferences } from "./schema-check/schema-differences.ts";
import { readSchemaFacts, type SchemaFact } from "./schema-check/schema-facts.ts";
import type { MigrationStep } from "./schema-check/schema-repairs.ts";

/** What has to be done to a database. */
export interface MigrationPlan {
  readonly from: number;
  readonly to: number;
  /** The migrations to record in the journal. */
  readonly applied: readonly string[];
  /** Whether it is a database of the Python service. */
  readonly adopts: boolean;
  /** How the schema differs from the migrations' result; empty while there are migrations to apply. */
  readonly differences: readonly SchemaDifference[];
  readonly steps: readonly MigrationStep[];
}

/**
 * For the transaction: unqualified names belong to `public`, as drizzle-kit's migrations expect; literals are read by the
 * standard, whatever the role's settings; the catalog is rendered in a form that can be compared; and a row-level policy that
 * would hide rows is an error.
 */
export const SETTINGS: readonly string[] = [
  "SET LOCAL search_path TO public;",
  "SET LOCAL standard_conforming_strings TO on;",
  "SET LOCAL quote_all_identifiers TO off;",
  "SET LOCAL row_security TO off;",
];

/**
 * One migration at a time per database: others wait here. The lock belongs to the transaction, so that neither a broken
 * connection nor a pooling proxy can keep it. The number is "fluxdao" in ASCII.
 */
export const LOCK = "SELECT pg_advisory_xact_lock(28829699411304815)::text;";

/**
 * Determines what `set` has to do to the database. Read-only; runs after {@link SETTINGS}.
 * @throws SchemaVersionError if the database is newer than the code, was migrated by other migrations, or has tables
 *   that neither the migrations nor the Python service created
 */
export async function makePlan(executor: SqlExecutor, set: MigrationSet): Promise<MigrationPlan> {
  const journal = await readJournal(executor);
  verifyJournal(journal ?? [], set);
  const facts = set.shape === undefined ? undefined : await readSchemaFacts(executor, set.shape);
  const recorded = journal?.at(-1)?.version ?? 0;
  const remnants = removalOfRemnants(facts, set, recorded);
  const from = remnants === undefined ? recorded : 0;
  const to = schemaVersion(set);
  const adopts = recorded === 0 && remnants === undefined && (await isPythonService(executor, set, facts));
  const pending = set.migrations.filter((migration) => migration.version > from);
  const steps = pending.map((migration) => stepOf(migration, adopts ? set.adoption : undefined));
  if (remnants !== undefined) steps.unshift(remnants);
  if (journal === undefined) steps.unshift({ name: "the journal", statements: [CREATE_JOURNAL] });
  const isCurrent = pending.length === 0 && facts !== undefined && set.shape !== undefined;
  const differences = isCurrent ? findSchemaDifferences(facts, set.shape) : [];
  steps.push(...repairsOf(differences));
  return { from, to, applied: pending.map((migration) => migration.name), adopts, differences, steps };
}

/** Keys come first, since foreign keys refer to them. */
function repairsOf(differences: readonly SchemaDifference[]): MigrationStep[] {
  const repairs = differences.flatMap(({ repair }) => repair ?? []);
  return repairs.toSorted((a, b) => Number(b.isKey ?? false) - Number(a.isKey ?? false));
}

/** If all tables are gone: removes their journal entries and enum types. Without a journal, types are recognized by their values. */
function removalOfRemnants(
  facts: readonly SchemaFact[] | undefined,
  { shape }: MigrationSet,
  recorded: number,
): MigrationStep | undefined {
  if (facts === undefined || facts.some(({ kind }) => kind === "table")) return undefined;
  const types = facts.filter(({ kind }) => kind === "enum");
  const areKnown = types.length > 0 && types.every(({ table, detail }) => shape?.enums[table]?.join(", ") === detail);
  if (recorded === 0 && !areKnown) return undefined;
  const drops = types.map(({ table }) => `DROP TYPE "public"."${table}";`);
  return {
    name: "removing what the dropped tables left behind",
    statements: [`DELETE FROM ${JOURNAL_TABLE};`, ...drops],
  };
}

/** @throws SchemaVersionError if there are differences that the plan cannot repair */
export function refuseDifferences({ differences, to }: MigrationPlan): void {
  const refused = differences.filter(({ repair }) => repair === undefined);
  if (refused.length > 0) throw schemaDifferenceError(refused, to, adviceFor(refused));
}

function stepOf(migration: Migration, adoption: string | undefined): MigrationStep {
  const isAdoption = adoption !== undefined && migration.version === 1;
  const name = isAdoption ? "adopting the Python service's schema" : migration.name;
  return { name, statements: [...statementsOf(isAdoption ? adoption : migration.sql), journalInsert(migration)] };
}

/** Whether a database without a journal is the Python service's; `false` if it is empty. */
async function isPythonService(
  executor: SqlExecutor,
  set: MigrationSet,
  facts: readonly SchemaFact[] = [],
): Promise<boolean> {
  const comparison = await comparePythonService(executor);
  if (comparison.present.length === 0) return false;
  if (comparison.differences.length === 0) return true;
  const isComplete = set.shape !== undefined && findSchemaDifferences(facts, set.shape).length === 0;
  throw isComplete && facts.some(({ kind }) => kind === "table")
    ? lostJournalError(set)
    : foreignTablesError(comparison, schemaVersion(set));
}

/** The journal is not recreated automatically: a later release may have migrated the tables in a way that does not show. */
function lostJournalError(set: MigrationSet): SchemaVersionError {
  const statements = [
    CREATE_JOURNAL.replace("TABLE", "TABLE IF NOT EXISTS").replace(/\s+/g, " "),
    ...set.migrations.map(journalInsert),
  ];
  return new SchemaVersionError(
    `The tables match version ${schemaVersion(set)}, which this code needs, but their journal ` +
      "flux_dao_migrations is missing or empty. Nothing was changed. Restore it from a backup; or, if no later release has " +
      `migrated this database, run: ${statements.join(" ")}`,
  );
}

function foreignTablesError({ present, differences }: PythonServiceComparison, to: number): SchemaVersionError {
  const shown = differences.slice(0, 5).join("; ");
  const more = differences.length > 5 ? `; and ${differences.length - 5} more` : "";
  return new SchemaVersionError(
    `The database has no journal flux_dao_migrations (version 0; this code needs version ${to}), but has ` +
      `${present.join(", ")} in the schema public, and they are not as the Python service created them: ${shown}${more}. ` +
      "Nothing was changed. Use another database, drop or fix these, or restore the journal if Flux DAO created the tables.",
  );
}
