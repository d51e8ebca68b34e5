import type { CallOptions } from "../contract/call-options.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlExecutor, SqlTransaction } from "../session/driver.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { createJournal, JOURNAL, journalInsert, readJournal, verifyJournal } from "./journal.ts";
import { embeddedMigrations, type Migration, type MigrationSet, schemaVersion } from "./migration-set.ts";
import { isPythonService } from "./python-service.ts";
import {
  adviceFor,
  type MigrationStep,
  type SchemaDifference,
  schemaDifferenceError,
} from "./schema-check/schema-difference.ts";
import { findSchemaDifferences } from "./schema-check/schema-differences.ts";
import { readSchemaFacts, type SchemaFacts } from "./schema-check/schema-facts.ts";

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
 * For the transaction: unqualified names belong to the schema, as drizzle-kit's migrations expect, rather than to temporary
 * tables, which come first in a path that does not name them; literals are standard, whatever the role's settings; the catalog
 * is rendered in a comparable form; and a row-level policy that would hide rows is an error.
 */
export const settingsIn = (schema: SchemaName): readonly string[] => [
  `SET LOCAL search_path TO ${schema.quoted}, pg_temp;`,
  "SET LOCAL standard_conforming_strings TO on;",
  "SET LOCAL quote_all_identifiers TO off;",
  "SET LOCAL row_security TO off;",
];

/** Others wait here. The lock ends with the transaction, whatever breaks or pools connections. The number is "fluxdao" in ASCII. */
export const lockOf = ({ literal }: SchemaName) =>
  `SELECT pg_advisory_xact_lock(hashtextextended(${literal}, 28829699411304815))::text;`;

/**
 * Determines what `set` has to do to the database. Read-only; runs after {@link settingsIn}.
 * @throws SchemaVersionError if the database is newer than the code, was migrated by other migrations, or has tables
 *   that neither the migrations nor the Python service created
 */
export async function makePlan(executor: SqlExecutor, schema: SchemaName, set: MigrationSet): Promise<MigrationPlan> {
  const journal = await readJournal(executor, schema);
  verifyJournal(schema, journal ?? [], set);
  const facts = set.shape && (await readSchemaFacts(executor, schema, set.shape));
  const recorded = journal?.at(-1)?.version ?? 0;
  const remnants = removalOfRemnants(facts, recorded);
  const from = remnants === undefined ? recorded : 0;
  const to = schemaVersion(set);
  const adopts = recorded === 0 && remnants === undefined && (await isPythonService(executor, schema, set, facts));
  const pending = set.migrations.filter((migration) => migration.version > from);
  const steps = pending.map((migration) =>
    stepOf(schema, migration, adopts && migration.version === 1 ? set.adoption : undefined),
  );
  if (remnants !== undefined) steps.unshift(remnants);
  if (journal === undefined) steps.unshift({ name: "the journal", statements: [createJournal(schema)] });
  if (journal === undefined && !(await exists(executor, schema))) {
    steps.unshift({ name: `the schema ${schema.name}`, statements: [`CREATE SCHEMA ${schema.quoted};`] });
  }
  const differences = pending.length === 0 && facts !== undefined ? findSchemaDifferences(facts) : [];
  steps.push(...repairsOf(differences));
  return { from, to, applied: pending.map((migration) => migration.name), adopts, differences, steps };
}

async function exists(executor: SqlExecutor, { name }: SchemaName): Promise<boolean> {
  const { rows } = await executor.execute("select 1 as found from pg_namespace where nspname = $1", [name]);
  return rows.length > 0;
}

/** Keys come first, since foreign keys refer to them. */
function repairsOf(differences: readonly SchemaDifference[]): MigrationStep[] {
  const repairs = differences.flatMap(({ repair }) => repair ?? []);
  return repairs.toSorted((a, b) => Number(b.isKey ?? false) - Number(a.isKey ?? false));
}

/** If all tables are gone: removes their journal entries and enum types. Without a journal, types are recognized by their values. */
function removalOfRemnants(facts: SchemaFacts | undefined, recorded: number): MigrationStep | undefined {
  if (facts === undefined || facts.hasTables) return undefined;
  const types = facts.all.filter(({ kind }) => kind === "enum");
  const areOurs = types.every(({ table, detail }) => facts.shape.enums[table]?.join(", ") === detail);
  if (recorded === 0 && !(types.length > 0 && areOurs)) return undefined;
  const { schema } = facts;
  const drops = types.map(({ table }) => `DROP TYPE ${schema.qualified(table)};`);
  return {
    name: "removing what the dropped tables left behind",
    statements: [`DELETE FROM ${schema.qualified(JOURNAL)};`, ...drops],
  };
}

/** @throws SchemaVersionError if there are differences that the plan cannot repair */
export function refuseDifferences({ differences, to }: MigrationPlan): void {
  const refused = differences.filter(({ repair }) => repair === undefined);
  if (refused.length > 0) throw schemaDifferenceError(refused, to, adviceFor(refused));
}

function stepOf(schema: SchemaName, migration: Migration, adoption: readonly string[] | undefined): MigrationStep {
  const name = adoption === undefined ? migration.name : "adopting the Python service's schema";
  // Written for `public` by drizzle-kit, and by hand.
  const statements = (adoption ?? migration.statements).map((statement) =>
    statement.replaceAll('"public".', () => `${schema.quoted}.`),
  );
  return { name, statements: [...statements, journalInsert(schema, migration)] };
}

/** What `migrate()` would do now. */
export interface MigrationPlanText {
  /** The schema's version now, and the one that this code needs. */
  readonly from: number;
  readonly to: number;
  /** The migrations that would be recorded in the journal; empty if there is nothing to do. */
  readonly applied: readonly string[];
  /** Whether a database of the Python service would be adopted. */
  readonly adopts: boolean;
  /** Changes made outside the migrations that would be repaired, as clauses: `the index tasks_goal_id_idx is missing`. */
  readonly repairs: readonly string[];
  /**
   * A script for `psql` or another client, with its own BEGIN and COMMIT; empty if there is nothing to do. It is meant for
   * this database in its current state: on another one, or run twice, it fails and changes nothing.
   */
  readonly sql: string;
}

/**
 * Returns what `migrate()` would do to this database, as SQL to apply by hand, journal entries included. Changes nothing, and
 * only needs to read the catalog and the journal.
 * @throws SchemaVersionError as `migrate()` does; UnavailableError
 */
export async function planMigrations(
  driver: SqlDriver,
  schema: SchemaName,
  options?: CallOptions,
): Promise<MigrationPlanText> {
  const plan = await readPlan(driver, schema, options);
  refuseDifferences(plan);
  const { from, to, applied, adopts, steps } = plan;
  const script = [
    comment(
      `Flux DAO: the schema ${schema.name} from version ${from} to version ${to}${adopts ? ", adopted from the Python service" : ""}`,
    ),
    "BEGIN;",
    ...settingsIn(schema),
    lockOf(schema),
    ...steps.flatMap(({ name, statements }) => [comment(name), ...statements]),
    "COMMIT;",
    "",
  ];
  const sql = steps.length === 0 ? "" : script.join("\n");
  return { from, to, applied, adopts, repairs: plan.differences.map(({ what }) => what), sql };
}

/** A schema's name may contain a line break, which would end the comment. */
const comment = (text: string) => `-- ${text.replace(/[\r\n]+/g, " ")}`;

/** Reads the plan, including differences that cannot be repaired. */
export function readPlan(driver: SqlDriver, schema: SchemaName, { signal }: CallOptions = {}): Promise<MigrationPlan> {
  const options: TransactionOptions = { isolationLevel: "repeatable read", signal };
  return readWithSettings(driver, schema, (transaction) => makePlan(transaction, schema, embeddedMigrations), options);
}

/** Runs `read` in a read-only transaction with {@link settingsIn}. @throws DaoError */
export async function readWithSettings<Result>(
  driver: SqlDriver,
  schema: SchemaName,
  read: (transaction: SqlTransaction) => Promise<Result>,
  options?: TransactionOptions,
): Promise<Result> {
  const run = async (transaction: SqlTransaction) => {
    for (const setting of settingsIn(schema)) await transaction.execute(setting, []);
    return read(transaction);
  };
  try {
    return await driver.transaction(run, { ...options, readOnly: true });
  } catch (error) {
    throw toDaoError(error);
  }
}
