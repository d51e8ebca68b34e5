import type { CallOptions } from "../contract/call-options.ts";
import { RetryableError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { SqlDriver, SqlTransaction } from "../session/driver.ts";
import {
  MIGRATION_LOCK_TIMEOUT,
  MIGRATION_STATEMENT_TIMEOUT,
  MIGRATION_WAIT_TIMEOUT,
  milliseconds,
  OWN_RETRIES,
} from "../session/limits.ts";
import { type MigrationProgress, toMigrationError } from "./migration-error.ts";
import { embeddedMigrations, type MigrationSet, schemaVersion } from "./migration-set.ts";
import { lockOf, type MigrationPlan, makePlan, readWithSettings, refuseDifferences, settingsIn } from "./plan.ts";
import {
  countViolations,
  findUnvalidatedRules,
  type RuleViolation,
  type UnvalidatedRule,
} from "./schema-check/rule-violations.ts";

/** How long a migration may wait and run. All times are in milliseconds; 0 means no limit. */
export interface MigrationOptions extends CallOptions {
  /** How long to wait for another process that is migrating the same database. Default 600,000. */
  readonly waitTimeout?: number | undefined;
  /**
   * How long to wait for a table that is in use. Later statements queue after the migration, so a short time protects a busy
   * service: the migration then fails, changes nothing, and can be run again. Default 30,000.
   */
  readonly lockTimeout?: number | undefined;
  /** How long one statement may take; a server that is silent for 2,000 ms longer counts as lost. Default 3,600,000, an hour. */
  readonly statementTimeout?: number | undefined;
}

/** What `migrate()` found and did. */
export interface MigrationReport {
  /** The schema's version before: 0 is an empty database, or one of the Python service. */
  readonly from: number;
  /** The schema's version now: the one that this code needs. */
  readonly to: number;
  /** The migrations that this call recorded in the journal, in order; empty if there was nothing to do. */
  readonly applied: readonly string[];
  /** Whether this call adopted a database of the Python service. */
  readonly adopted: boolean;
  /** Changes made outside the migrations that were repaired, as clauses: `the index tasks_goal_id_idx is missing`. */
  readonly repaired: readonly string[];
  /** The rules that are not validated, since rows of an adopted database violate them. Reported until they are validated. */
  readonly violations: readonly RuleViolation[];
  /** How long the call took in milliseconds, waiting for other processes included. */
  readonly durationMs: number;
}

/**
 * Brings a schema of a database to the version that this code needs: creates it in an empty database, applies missing
 * migrations, or adopts a database of the Python service (no row is lost; see {@link MigrationReport.violations}).
 *
 * It runs in one transaction, so after a failure the database is unchanged. Any number of processes may call it at once: one
 * does the work, the others wait for it and find nothing to do. Adopting locks all six tables until it is done, for readers
 * too: some ten seconds for a million tasks.
 *
 * It repairs changes made outside the migrations if no guess about rows is needed: missing constraints, indexes, defaults, enum
 * values and NOT NULLs, or all tables if none is left. Other changes are refused with advice.
 *
 * @throws SchemaVersionError, naming both versions, if the database is newer than the code, a migration was changed after it
 *   was applied, there are tables that neither the migrations nor the Python service created, the schema was changed in a
 *   way that cannot be repaired, or the role lacks a privilege; UnavailableError if a limit of `options` passed or the server
 *   does not respond; TransactionLostError if the connection broke: call it again
 */
export async function migrate(
  driver: SqlDriver,
  schema: SchemaName,
  options: MigrationOptions = {},
  set: MigrationSet = embeddedMigrations,
): Promise<MigrationReport> {
  const begun = performance.now();
  const { plan, repaired, unvalidated } = await migrateSchema(driver, schema, options, set);
  const { from, to, applied, adopts } = plan;
  const { statementTimeout = MIGRATION_STATEMENT_TIMEOUT, signal } = options;
  const count = (transaction: SqlTransaction) => countViolations(transaction, schema, unvalidated);
  // After the commit, so that no caller waits for a lock while rows are counted.
  const violations =
    unvalidated.length === 0 ? [] : await readWithSettings(driver, schema, count, { statementTimeout, signal });
  const durationMs = Math.round(performance.now() - begun);
  return { from, to, applied, adopted: adopts, repaired, violations, durationMs };
}

interface MigratedSchema {
  readonly plan: MigrationPlan;
  readonly repaired: readonly string[];
  readonly unvalidated: readonly UnvalidatedRule[];
}

async function migrateSchema(
  driver: SqlDriver,
  schema: SchemaName,
  options: MigrationOptions,
  set: MigrationSet,
): Promise<MigratedSchema> {
  if (driver.isTransaction) {
    throw new UnitOfWorkMisuseError(
      "A migration needs its own transaction. Pass the database, not a transaction that is already open.",
    );
  }
  for (let attempt = 1; ; attempt++) {
    const progress: MigrationProgress = { schema: schema.name, to: schemaVersion(set), step: "the connection" };
    try {
      // Read committed: after waiting for the lock it must see what was committed in the meantime.
      return await driver.transaction((transaction) => apply(transaction, schema, options, set, progress), {
        isolationLevel: "read committed",
        // Each statement sets its own below; this one determines when a silent server counts as lost.
        statementTimeout: longestStatement(options),
        signal: options.signal,
      });
    } catch (error) {
      const reported = toMigrationError(error, progress);
      if (!(reported instanceof RetryableError) || attempt > OWN_RETRIES) throw reported;
    }
  }
}

/** Maximum milliseconds of a statement, including the wait for another migration; 0 means no limit. */
function longestStatement({ waitTimeout, statementTimeout }: MigrationOptions): number {
  const limits = [waitTimeout ?? MIGRATION_WAIT_TIMEOUT, statementTimeout ?? MIGRATION_STATEMENT_TIMEOUT];
  return limits.includes(0) ? 0 : Math.max(...limits);
}

async function apply(
  transaction: SqlTransaction,
  schema: SchemaName,
  options: MigrationOptions,
  set: MigrationSet,
  progress: MigrationProgress,
): Promise<MigratedSchema> {
  const { waitTimeout = MIGRATION_WAIT_TIMEOUT, lockTimeout = MIGRATION_LOCK_TIMEOUT } = options;
  const { statementTimeout = MIGRATION_STATEMENT_TIMEOUT } = options;
  // One by one, since a signal cannot cancel a script.
  const run = async (...statements: readonly string[]) => {
    for (const statement of statements) await transaction.execute(statement, []);
  };
  await run(...settingsIn(schema));
  progress.step = "the wait for another migration";
  await run(
    "SET LOCAL statement_timeout TO 0;",
    `SET LOCAL lock_timeout TO ${milliseconds("waitTimeout", waitTimeout)};`,
    lockOf(schema),
    `SET LOCAL statement_timeout TO ${milliseconds("statementTimeout", statementTimeout)};`,
    `SET LOCAL lock_timeout TO ${milliseconds("lockTimeout", lockTimeout)};`,
  );
  const applyPlan = async () => {
    progress.step = "reading its version";
    const plan = await makePlan(transaction, schema, set);
    refuseDifferences(plan);
    progress.from ??= plan.from;
    for (const { name, advice, statements } of plan.steps) {
      Object.assign(progress, { step: name, advice });
      await run(...statements);
    }
    return plan;
  };
  const plan = await applyPlan();
  // The migrations may have been applied to a changed schema, which is repaired now.
  const { differences } = plan.applied.length === 0 ? plan : await applyPlan();
  progress.step = "reading its rules";
  const unvalidated = await findUnvalidatedRules(transaction, schema);
  return { plan, repaired: differences.map(({ what }) => what), unvalidated };
}
