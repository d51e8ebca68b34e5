import { RetryableError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SqlDriver, SqlTransaction } from "../session/driver.ts";
import { MIGRATION_STATEMENT_TIMEOUT, MIGRATION_WAIT_TIMEOUT, milliseconds, OWN_RETRIES } from "../session/limits.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { type MigrationProgress, toMigrationError } from "./migration-error.ts";
import type { MigrationOptions, MigrationReport } from "./migration-report.ts";
import { embeddedMigrations, type MigrationSet, schemaVersion } from "./migration-set.ts";
import { LOCK, type MigrationPlan, makePlan, refuseDifferences, SETTINGS } from "./plan.ts";
import {
  countViolations,
  findUnvalidatedRules,
  type RuleViolation,
  type UnvalidatedRule,
} from "./schema-check/rule-violations.ts";

/**
 * Brings the schema of a database to the version that this code needs: creates it in an empty database, applies missing
 * migrations, or adopts a database of the Python service (no row is lost; see {@link MigrationReport.violations}).
 *
 * It runs in one transaction, so after a failure the database is unchanged. Any number of processes may call it at once: one
 * does the work, the others wait for it and find nothing to do. Adopting locks all six tables until it is done, for readers
 * too: some ten seconds for a million tasks.
 *
 * It repairs changes made outside the migrations where no guess about rows is needed: missing constraints, indexes, defaults,
 * enum values and NOT NULLs, or all tables if none is left. Other changes are refused with advice.
 *
 * @throws SchemaVersionError, naming both versions, if the database is newer than the code, a migration was changed after it
 *   was applied, there are tables that neither the migrations nor the Python service created, the schema was changed in a
 *   way that cannot be repaired, or the role lacks a privilege; UnavailableError if a limit of `options` passed or the server
 *   does not respond; TransactionLostError if the connection broke: call it again
 */
export function migrate(driver: SqlDriver, options: MigrationOptions = {}): Promise<MigrationReport> {
  return migrateBy(embeddedMigrations, driver, options);
}

/** {@link migrate} with a given set of migrations. */
export async function migrateBy(
  set: MigrationSet,
  driver: SqlDriver,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  const begun = performance.now();
  const { plan, repaired, unvalidated } = await migrateSchema(set, driver, options);
  const { from, to, applied, adopts } = plan;
  const violations = await readViolations(driver, unvalidated, options);
  const durationMs = Math.round(performance.now() - begun);
  return { from, to, applied, adopted: adopts, repaired, violations, durationMs };
}

/** What a migration did, and which rules are not validated after it. */
interface MigratedSchema {
  readonly plan: MigrationPlan;
  readonly repaired: readonly string[];
  readonly unvalidated: readonly UnvalidatedRule[];
}

async function migrateSchema(set: MigrationSet, driver: SqlDriver, options: MigrationOptions): Promise<MigratedSchema> {
  if (driver.isTransaction) {
    throw new UnitOfWorkMisuseError(
      "A migration needs its own transaction. Pass the database, not a transaction that is already open.",
    );
  }
  for (let attempt = 1; ; attempt++) {
    const progress: MigrationProgress = {
      from: undefined,
      to: schemaVersion(set),
      step: "the connection",
      advice: undefined,
    };
    try {
      // Read committed: after waiting for the lock it must see what was committed in the meantime.
      return await driver.transaction((transaction) => apply(set, transaction, options, progress), {
        isolationLevel: "read committed",
        // Each statement sets its own below; this one decides when a silent server is considered lost.
        statementTimeout: longestStatement(options),
        signal: options.signal,
      });
    } catch (error) {
      const reported = toMigrationError(error, progress);
      if (!(reported instanceof RetryableError) || attempt > OWN_RETRIES) throw reported;
    }
  }
}

/** The longest that a statement may take, in milliseconds, waiting for another migration included; 0 means no limit. */
function longestStatement({ waitTimeout, statementTimeout }: MigrationOptions): number {
  const limits = [waitTimeout ?? MIGRATION_WAIT_TIMEOUT, statementTimeout ?? MIGRATION_STATEMENT_TIMEOUT];
  return limits.includes(0) ? 0 : Math.max(...limits);
}

async function apply(
  set: MigrationSet,
  transaction: SqlTransaction,
  {
    waitTimeout = MIGRATION_WAIT_TIMEOUT,
    lockTimeout = 30_000,
    statementTimeout = MIGRATION_STATEMENT_TIMEOUT,
  }: MigrationOptions,
  progress: MigrationProgress,
): Promise<MigratedSchema> {
  const run = async (statement: string) => {
    // Not as a script, which a signal could not cancel.
    await transaction.execute(statement, []);
  };
  for (const setting of SETTINGS) await run(setting);
  progress.step = "the wait for another migration";
  await run("SET LOCAL statement_timeout TO 0;");
  await run(`SET LOCAL lock_timeout TO ${milliseconds("waitTimeout", waitTimeout)};`);
  await run(LOCK);
  await run(`SET LOCAL statement_timeout TO ${milliseconds("statementTimeout", statementTimeout)};`);
  await run(`SET LOCAL lock_timeout TO ${milliseconds("lockTimeout", lockTimeout)};`);
  const applyPlan = async () => {
    progress.step = "reading its version";
    const plan = await makePlan(transaction, set);
    refuseDifferences(plan);
    progress.from ??= plan.from;
    for (const { name, advice, statements } of plan.steps) {
      Object.assign(progress, { step: name, advice });
      for (const statement of statements) await run(statement);
    }
    return plan;
  };
  const plan = await applyPlan();
  // The migrations may have been applied to a schema that had been changed: repair it.
  const { differences } = plan.applied.length === 0 ? plan : await applyPlan();
  progress.step = "reading its rules";
  const unvalidated = await findUnvalidatedRules(transaction);
  return { plan, repaired: differences.map(({ what }) => what), unvalidated };
}

/** Runs in its own transaction after the commit, so that no caller waits for a lock while rows are counted. */
async function readViolations(
  driver: SqlDriver,
  unvalidated: readonly UnvalidatedRule[],
  { statementTimeout = MIGRATION_STATEMENT_TIMEOUT, signal }: MigrationOptions,
): Promise<RuleViolation[]> {
  if (unvalidated.length === 0) return [];
  try {
    return await driver.transaction(
      async (transaction) => {
        for (const setting of SETTINGS) await transaction.execute(setting, []);
        return countViolations(transaction, unvalidated);
      },
      { readOnly: true, statementTimeout, signal },
    );
  } catch (error) {
    throw toDaoError(error);
  }
}
