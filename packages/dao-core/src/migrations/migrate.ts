import { RetryableError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SqlDriver, SqlTransaction } from "../session/driver.ts";
import { milliseconds } from "../session/limits.ts";
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

/** How often it is tried when the database gives it up in a deadlock with other work. */
const MAX_ATTEMPTS = 5;

/** Milliseconds; see {@link MigrationOptions}. */
const WAIT_TIMEOUT = 600_000;
const STATEMENT_TIMEOUT = 3_600_000;

/**
 * Brings the schema of a database to the version that this code needs: makes it in an empty database, applies what is
 * missing, or takes over what the Python service left (no row is lost; see {@link MigrationReport.violations}).
 *
 * All of it is one transaction, so after a failure the database is as it was. Any number of processes may call it at
 * once: one does the work, the others wait for it and find nothing to do. A takeover locks all six tables until it is
 * done, for readers too: some ten seconds for a million tasks.
 *
 * What was changed past the migrations it puts right where that needs no guess: missing constraints, indexes, defaults, enum
 * values, NOT NULLs; all tables, where none of them is left. What else was changed is refused, with what to do.
 *
 * @throws SchemaVersionError, naming both versions, when the database is newer than the code, a migration was changed
 *   after it was applied, there are tables that are neither ours nor the Python service's, the schema was changed in a way
 *   that cannot be put right by itself, or the role may not do it;
 *   UnavailableError when a limit of `options` passed or the server does not answer; TransactionLostError when the
 *   connection broke: call it again
 */
export function migrate(driver: SqlDriver, options: MigrationOptions = {}): Promise<MigrationReport> {
  return migrateBy(embeddedMigrations, driver, options);
}

/** {@link migrate} with other migrations than this package's. */
export async function migrateBy(
  set: MigrationSet,
  driver: SqlDriver,
  options: MigrationOptions = {},
): Promise<MigrationReport> {
  const begun = performance.now();
  const { plan, repaired, unvalidated } = await migrateSchema(set, driver, options);
  const { from, to, applied, takesOver } = plan;
  const violations = await readViolations(driver, unvalidated, options);
  const durationMs = Math.round(performance.now() - begun);
  return { from, to, applied, takenOver: takesOver, repaired, violations, durationMs };
}

/** What a migration did, and which rules of the schema are not validated after it. */
interface MigratedSchema {
  readonly plan: MigrationPlan;
  readonly repaired: readonly string[];
  readonly unvalidated: readonly UnvalidatedRule[];
}

async function migrateSchema(set: MigrationSet, driver: SqlDriver, options: MigrationOptions): Promise<MigratedSchema> {
  if (driver.isTransaction) {
    throw new UnitOfWorkMisuseError(
      "A migration needs a transaction of its own. Pass the database, not a transaction that is open already.",
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
      // Read committed: whoever waited for the lock must see what was committed meanwhile.
      return await driver.transaction((transaction) => apply(set, transaction, options, progress), {
        isolationLevel: "read committed",
        // Statements set their own below; this says when the server is taken for lost, and a long one is not to be.
        statementTimeout: longestStatement(options),
        signal: options.signal,
      });
    } catch (error) {
      const reported = toMigrationError(error, progress);
      if (!(reported instanceof RetryableError) || attempt === MAX_ATTEMPTS) throw reported;
    }
  }
}

/** Milliseconds that a statement may take by these limits, the wait for another migration being one; 0 is no limit. */
function longestStatement({ waitTimeout, statementTimeout }: MigrationOptions): number {
  const limits = [waitTimeout ?? WAIT_TIMEOUT, statementTimeout ?? STATEMENT_TIMEOUT];
  return limits.includes(0) ? 0 : Math.max(...limits);
}

async function apply(
  set: MigrationSet,
  transaction: SqlTransaction,
  { waitTimeout = WAIT_TIMEOUT, lockTimeout = 30_000, statementTimeout = STATEMENT_TIMEOUT }: MigrationOptions,
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
  const carryOut = async () => {
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
  const plan = await carryOut();
  // What was applied may have met a schema that had been changed.
  const { differences } = plan.applied.length === 0 ? plan : await carryOut();
  progress.step = "reading its rules";
  const unvalidated = await findUnvalidatedRules(transaction);
  return { plan, repaired: differences.map(({ what }) => what), unvalidated };
}

/** In a transaction of its own, after the commit: nobody should wait while rows are counted. */
async function readViolations(
  driver: SqlDriver,
  unvalidated: readonly UnvalidatedRule[],
  { statementTimeout = STATEMENT_TIMEOUT, signal }: MigrationOptions,
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
