import type { CallOptions } from "../contract/call-options.ts";
import { invalid } from "../contract/fields/validation.ts";
import { inSchema, type SchemaName } from "../schema/schema-name.ts";
import type { TransactionOptions } from "../session/database-session.ts";
import type { SqlDriver, SqlExecutor, SqlTransaction } from "../session/driver.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { feedObjects } from "./change-feed-objects.ts";
import { createJournal, JOURNAL, journalInsert, readJournal, verifyJournal } from "./journal.ts";
import {
  embeddedMigrations,
  type Migration,
  type MigrationSet,
  type PlanOptions,
  schemaVersion,
} from "./migration-set.ts";
import { isLeftOnline, onlineName, onlineScript, withoutOnline } from "./online-statements.ts";
import { isPythonService } from "./python-service.ts";
import {
  adviceFor,
  type MigrationStep,
  type SchemaDifference,
  schemaDifferenceError,
} from "./schema-check/schema-difference.ts";
import { findSchemaDifferences, hasChangeFeed } from "./schema-check/schema-differences.ts";
import { readSchemaFacts, type SchemaFacts } from "./schema-check/schema-facts.ts";

/** What has to be done to a database. */
export interface MigrationPlan
  extends Pick<MigrationPlanText, "from" | "to" | "applied" | "adopts" | "enablesChanges"> {
  /** The recorded migrations of which online steps are left. */
  readonly online: readonly Migration[];
  /** The tables that exist. */
  readonly tables: readonly string[];
  /** How the schema differs from the migrations' result; empty while there are migrations to apply. */
  readonly differences: readonly SchemaDifference[];
  /** In order: those before the first that is online belong into one transaction. */
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
export async function makePlan(
  executor: SqlExecutor,
  schema: SchemaName,
  set: MigrationSet,
  { changes = false }: PlanOptions = {},
): Promise<MigrationPlan> {
  const journal = await readJournal(executor, schema);
  verifyJournal(schema, journal ?? [], set);
  const recorded = journal?.at(-1)?.version ?? 0;
  const to = schemaVersion(set);
  if (recorded > to) {
    const nothing = { applied: [], online: [], tables: [], differences: [], steps: [] };
    return { from: recorded, to: recorded, adopts: false, enablesChanges: false, ...nothing };
  }
  const facts = set.shape && (await readSchemaFacts(executor, schema, set.shape));
  const remnants = removalOfRemnants(facts, recorded);
  const from = remnants === undefined ? recorded : 0;
  const adopts = recorded === 0 && remnants === undefined && (await isPythonService(executor, schema, set, facts));
  const pending = set.migrations.filter((migration) => migration.version > from);
  const isEmpty = from === 0 && !adopts;
  const doneOf = (migration: Migration) =>
    journal?.find(({ version }) => version === migration.version)?.progress?.done;
  const online = isEmpty ? [] : set.migrations.filter((migration) => doneOf(migration) !== undefined);
  const left = online.flatMap((migration) => onlineStepsOf(schema, migration, doneOf(migration)));
  const all = pending.length === 0 && facts !== undefined ? findSchemaDifferences(facts) : [];
  const differences = all.filter((difference) => !isLeftOnline(difference.repair?.name, online));
  // Keys come first, since foreign keys refer to them.
  const repairs = differences
    .flatMap(({ repair }) => repair ?? [])
    .toSorted((one, other) => Number(other.isKey ?? false) - Number(one.isKey ?? false));
  const steps = [...repairs, ...left];
  for (const migration of pending) {
    const isAdoption = adopts && migration.version === 1;
    const name = isAdoption ? "adopting the Python service's schema" : migration.name;
    // Without rows, online steps are part of the transaction.
    const own = [...(isAdoption ? set.adoption : migration.statements), ...(isEmpty ? withoutOnline(migration) : [])];
    const statements = [...own.map((text) => inSchema(schema, text)), ...journalInsert(schema, migration, isEmpty)];
    steps.push({ name, statements }, ...(isEmpty ? [] : onlineStepsOf(schema, migration)));
  }
  if (remnants !== undefined) steps.unshift(remnants);
  if (journal === undefined) {
    steps.unshift({ name: "the journal", statements: [createJournal(schema)] });
    const { rows } = await executor.execute("select 1 as found from pg_namespace where nspname = $1", [schema.name]);
    const create = { name: `the schema ${schema.name}`, statements: [`CREATE SCHEMA ${schema.quoted};`] };
    if (rows.length === 0) steps.unshift(create);
  }
  const enablesChanges = changes && !(facts !== undefined && hasChangeFeed(facts));
  if (enablesChanges) {
    await refuseCitus(executor);
    const firstOnline = steps.findIndex(({ isOnline }) => isOnline);
    const statements = feedObjects(schema).flatMap((object) => object.statements);
    steps.splice(firstOnline < 0 ? steps.length : firstOnline, 0, { name: "the change feed", statements });
  }
  const present = facts?.all.filter(({ kind, detail }) => kind === "table" && detail === "table") ?? [];
  const tables = present.map(({ table }) => schema.qualified(table));
  const applied = pending.map(({ name }) => name);
  return { from, to, applied, online, tables, adopts, enablesChanges, differences, steps };
}

/** @throws ValidationError on Citus */
async function refuseCitus(executor: SqlExecutor): Promise<void> {
  const { rows } = await executor.execute("select 1 as found from pg_extension where extname = 'citus'", []);
  if (rows.length === 0) return;
  const message = "cannot be enabled on Citus, which refuses triggers on distributed tables. Migrate without it";
  throw invalid("changes", message);
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

function onlineStepsOf(schema: SchemaName, migration: Migration, done = 0): MigrationStep[] {
  const steps = (migration.online ?? []).map((_, index) => ({
    name: onlineName(migration, index),
    statements: onlineScript(schema, migration, index),
    isOnline: true,
  }));
  return steps.slice(done);
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
  /** Whether the change feed would be enabled. */
  readonly enablesChanges: boolean;
  /** Changes made outside the migrations that would be repaired, as clauses: `the index tasks_goal_id_idx is missing`. */
  readonly repairs: readonly string[];
  /** The steps that would be done online, after the transaction and without blocking writes, by name. */
  readonly online: readonly string[];
  /**
   * A script for `psql` or another client that sends statements one by one, with its own BEGIN and COMMIT; empty if there is
   * nothing to do. It is meant for this database in its current state: on another one, or run twice, its transaction fails and
   * changes nothing.
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
  options?: CallOptions & PlanOptions,
  set?: MigrationSet,
): Promise<MigrationPlanText> {
  const plan = await readPlan(driver, schema, options, set);
  refuseDifferences(plan);
  const { from, to, applied, adopts, enablesChanges, steps } = plan;
  const adopted = adopts ? ", adopted from the Python service" : "";
  const script = [comment(`Flux DAO: the schema ${schema.name} from version ${from} to version ${to}${adopted}`)];
  const isOutside = (step: MigrationStep | undefined) => step === undefined || step.isOnline === true;
  for (const [index, { name, statements, isOnline }] of steps.entries()) {
    if (!isOnline && isOutside(steps[index - 1])) {
      script.push("BEGIN;", ...settingsIn(schema), lockOf(schema), BY_HAND_LOCK_TIMEOUT);
    }
    script.push(comment(isOnline ? `${name}, outside of a transaction` : name), ...statements);
    if (!isOnline && isOutside(steps[index + 1])) script.push("COMMIT;");
  }
  const repairs = plan.differences.map(({ what }) => what);
  const online = steps.flatMap(({ name, isOnline }) => (isOnline ? [name] : []));
  const sql = steps.length === 0 ? "" : [...script, ""].join("\n");
  return { from, to, applied, adopts, enablesChanges, repairs, online, sql };
}

/** Later statements queue behind one that waits. */
const BY_HAND_LOCK_TIMEOUT = "SET LOCAL lock_timeout TO '1s'; -- if this is exceeded, run the script again";

/** A schema's name may contain a line break, which would end the comment. */
const comment = (text: string) => `-- ${text.replace(/[\r\n]+/g, " ")}`;

/** One by one, since a signal cannot cancel a script. */
export async function runAll(transaction: SqlTransaction, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await transaction.execute(statement, []);
}

/** Reads the plan, including differences that cannot be repaired. */
export function readPlan(
  driver: SqlDriver,
  schema: SchemaName,
  { signal, changes }: CallOptions & PlanOptions = {},
  set: MigrationSet = embeddedMigrations,
): Promise<MigrationPlan> {
  const options: TransactionOptions = { isolationLevel: "repeatable read", signal };
  return readWithSettings(driver, schema, (transaction) => makePlan(transaction, schema, set, { changes }), options);
}

/** Runs `read` in a read-only transaction with {@link settingsIn}. @throws DaoError */
export async function readWithSettings<Result>(
  driver: SqlDriver,
  schema: SchemaName,
  read: (transaction: SqlTransaction) => Promise<Result>,
  options?: TransactionOptions,
): Promise<Result> {
  const run = async (transaction: SqlTransaction) => {
    await runAll(transaction, settingsIn(schema));
    return read(transaction);
  };
  try {
    return await driver.transaction(run, { ...options, readOnly: true });
  } catch (error) {
    throw toDaoError(error);
  }
}
