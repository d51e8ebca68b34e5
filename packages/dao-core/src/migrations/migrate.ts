import { RetryableError, TransactionLostError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SqlDriver, SqlTransaction } from "../session/sql.ts";
import { type MigrationProgress, toMigrationError } from "./migration-error.ts";
import type { MigrationOptions, MigrationReport } from "./migration-report.ts";
import { embeddedMigrations, type MigrationSet, schemaVersion } from "./migration-set.ts";
import { LOCK, makePlan, SETTINGS } from "./plan.ts";
import { findRuleViolations } from "./rule-violations.ts";

/** How often it is tried when the database gives it up in a deadlock with other work. */
const MAX_ATTEMPTS = 5;

/**
 * Brings the schema of a database to the version that this code needs: makes it in an empty database, applies what is
 * missing, or takes over what the Python service left (no row is lost; see {@link MigrationReport.violations}).
 *
 * All of it is one transaction, so after a failure the database is as it was. Any number of processes may call it at
 * once: one does the work, the others wait for it and find nothing to do. A takeover locks all six tables until it is
 * done, for readers too; count on some seconds a million rows.
 *
 * @throws SchemaVersionError, naming both versions, when the database is newer than the code, a migration was changed
 *   after it was applied, there are tables that are neither ours nor the Python service's, or the role may not do it;
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
  if (!driver.commits) {
    throw new UnitOfWorkMisuseError(
      "A migration needs a transaction of its own. Pass the database, not a transaction that is open already.",
    );
  }
  const begun = performance.now();
  for (let attempt = 1; ; attempt++) {
    const progress: MigrationProgress = { from: undefined, to: schemaVersion(set), step: "the connection" };
    try {
      // Read committed: whoever waited for the lock must see what was committed meanwhile.
      const report = await driver.transaction((transaction) => apply(set, transaction, options, progress), {
        isolationLevel: "read committed",
        signal: options.signal,
      });
      return { ...report, durationMs: Math.round(performance.now() - begun) };
    } catch (error) {
      const reported = toMigrationError(error, progress);
      // A caller that gave up is told so, whatever became of the connection that its statement was cancelled on.
      if (options.signal?.aborted && isRolledBack(reported)) throw options.signal.reason;
      if (!(reported instanceof RetryableError) || attempt === MAX_ATTEMPTS) throw reported;
    }
  }
}

async function apply(
  set: MigrationSet,
  transaction: SqlTransaction,
  { waitTimeout = 600_000, lockTimeout = 30_000, statementTimeout = 0 }: MigrationOptions,
  progress: MigrationProgress,
): Promise<Omit<MigrationReport, "durationMs">> {
  const run = async (statement: string) => {
    // Not as a script, which a signal could not cancel.
    await transaction.execute(statement, []);
  };
  for (const setting of SETTINGS) await run(setting);
  progress.step = "the wait for another migration";
  await run("SET LOCAL statement_timeout TO 0;");
  await run(`SET LOCAL lock_timeout TO ${milliseconds(waitTimeout)};`);
  await run(LOCK);
  await run(`SET LOCAL statement_timeout TO ${milliseconds(statementTimeout)};`);
  await run(`SET LOCAL lock_timeout TO ${milliseconds(lockTimeout)};`);
  progress.step = "reading its version";
  const { from, to, applied, takesOver, steps } = await makePlan(transaction, set);
  progress.from = from;
  for (const { name, statements } of steps) {
    progress.step = name;
    for (const statement of statements) await run(statement);
  }
  progress.step = "counting the rows that break a rule";
  const violations = await findRuleViolations(transaction);
  return { from, to, applied, takenOver: takesOver, violations };
}

function isRolledBack(error: unknown): boolean {
  return !(error instanceof TransactionLostError) || error.outcome === "rolled_back";
}

function milliseconds(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 2_147_483_647) return value;
  throw new RangeError(`A time-out must be a whole number of milliseconds from 0 (no limit) on, not ${value}.`);
}
