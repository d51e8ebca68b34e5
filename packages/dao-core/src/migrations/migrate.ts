import { RetryableError, SchemaVersionError, UnitOfWorkMisuseError } from "../contract/errors.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { SqlDriver, SqlTransaction } from "../session/driver.ts";
import { withRetries } from "../session/executor.ts";
import { LOCK_ATTEMPT, milliseconds, OWN_RETRIES } from "../session/limits.ts";
import { type MigrationProgress, toMigrationError } from "./migration-error.ts";
import {
  embeddedMigrations,
  limitsOf,
  type MigrationOptions,
  type MigrationSet,
  type MigrationTarget,
  schemaVersion,
} from "./migration-set.ts";
import { isLeftOnline } from "./online-statements.ts";
import { isCollision, pauseBeforeAttempt, quietLock, runOnlineSteps } from "./online-steps.ts";
import { lockOf, makePlan, readWithSettings, refuseDifferences, runAll, settingsIn } from "./plan.ts";
import {
  countViolations,
  findUnvalidatedRules,
  type RuleViolation,
  type UnvalidatedRule,
} from "./schema-check/rule-violations.ts";

/** What `migrate()` found and did. */
export interface MigrationReport {
  /** The schema's version before: 0 is an empty database, or one of the Python service. */
  readonly from: number;
  /** The schema's version now: the one that this code needs, or a newer one that is compatible with it. */
  readonly to: number;
  /** The migrations that this call recorded in the journal, in order; empty if there was nothing to do. */
  readonly applied: readonly string[];
  /** Whether this call adopted a database of the Python service. */
  readonly adopted: boolean;
  /** Whether this call enabled the change feed. */
  readonly changesEnabled: boolean;
  /** Changes made outside the migrations that were repaired, as clauses: `the index tasks_goal_id_idx is missing`. */
  readonly repaired: readonly string[];
  /** The online steps that this call did, in order, by name; not those that another process did meanwhile. */
  readonly online: readonly string[];
  /** The online steps that are left; empty unless they were left out ({@link MigrationOptions.online}). */
  readonly onlineLeft: readonly string[];
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
 * Steps that would take long on large tables are done afterwards, online: outside of the transaction, without blocking reads and
 * writes. They may be interrupted at any point; the next call goes on. A migration that follows waits for them.
 *
 * It repairs changes made outside the migrations if no guess about rows is needed: missing constraints, indexes, defaults, enum
 * values and NOT NULLs, or all tables if none is left. Other changes are refused with advice.
 *
 * @throws SchemaVersionError, naming both versions, if the database is newer than the code supports, a migration was changed after it
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
  const target = { driver, schema, set, options, ...limitsOf(options) };
  const first = await migrateSchema(target);
  const [applied, repaired] = [[...first.applied], [...first.repaired]];
  const online: string[] = [];
  let last = first;
  // A migration may rely on the online steps of those before it.
  while (last.after.online.length > 0 && options.online !== false) {
    for (const migration of last.after.online) {
      online.push(...(await runOnlineSteps(target, migration)));
    }
    last = await migrateSchema(target);
    applied.push(...last.applied);
    repaired.push(...last.repaired);
  }
  const { after, unvalidated } = last;
  const onlineLeft = after.steps.flatMap(({ name, isOnline }) => (isOnline ? [name] : []));
  if (after.applied.length > 0) {
    throw new SchemaVersionError(
      `The schema ${schema.name} is at version ${after.from}; ${after.applied[0]} has to wait until ${onlineLeft[0]} is done. ` +
        "Run migrate() without online: false.",
    );
  }
  const { from, adopts, enablesChanges: changesEnabled } = first.plan;
  const { statementTimeout, signal } = target;
  const count = (transaction: SqlTransaction) => countViolations(transaction, schema, unvalidated);
  // After the commit, so that no caller waits for a lock while rows are counted.
  const violations =
    unvalidated.length === 0 ? [] : await readWithSettings(driver, schema, count, { statementTimeout, signal });
  const durationMs = Math.round(performance.now() - begun);
  const report = { from, to: after.to, applied, adopted: adopts, changesEnabled, repaired };
  return { ...report, online, onlineLeft, violations, durationMs };
}

/** {@link MigrationProgress}, and since when it holds locks behind which statements queue, or tries to get them. */
type ApplyProgress = MigrationProgress & { triesLocksSince?: number };

async function migrateSchema(target: MigrationTarget) {
  const { driver, schema, set, signal, waitTimeout, lockTimeout } = target;
  // Each statement has its own; this one determines when a silent server counts as lost. 0 is no limit.
  const longest = Math.max(waitTimeout, target.statementTimeout);
  const statementTimeout = waitTimeout === 0 || target.statementTimeout === 0 ? 0 : longest;
  if (driver.isTransaction) {
    throw new UnitOfWorkMisuseError(
      "A migration needs its own transaction. Pass the database, not a transaction that is already open.",
    );
  }
  let locked: { readonly since: number; readonly attempts: number } | undefined;
  const untilUnlocked = async () => {
    for (;;) {
      const progress: ApplyProgress = { schema: schema.name, to: schemaVersion(set), step: "the connection" };
      try {
        // Read committed: after waiting for the lock it must see what was committed in the meantime.
        return await driver.transaction((transaction) => apply(transaction, target, progress), {
          isolationLevel: "read committed",
          statementTimeout,
          signal,
        });
      } catch (error) {
        const { triesLocksSince } = progress;
        if (triesLocksSince === undefined || !isCollision(error)) throw toMigrationError(error, progress);
        locked = { since: locked?.since ?? triesLocksSince, attempts: (locked?.attempts ?? 0) + 1 };
        const isOver = lockTimeout > 0 && performance.now() - locked.since >= lockTimeout;
        if (isOver) throw toMigrationError(error, progress);
        await pauseBeforeAttempt(locked.attempts, signal);
      }
    }
  };
  const isRetryable = (error: unknown) => error instanceof RetryableError;
  return withRetries({ retries: OWN_RETRIES, isRetryable }, untilUnlocked, signal);
}

async function apply(transaction: SqlTransaction, target: MigrationTarget, progress: ApplyProgress) {
  const { schema, set, options, waitTimeout, lockTimeout, statementTimeout } = target;
  const run = (...statements: readonly string[]) => runAll(transaction, statements);
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
    const plan = await makePlan(transaction, schema, set, options);
    refuseDifferences(plan);
    progress.from ??= plan.from;
    const firstOnline = plan.steps.findIndex(({ isOnline }) => isOnline);
    const steps = firstOnline < 0 ? plan.steps : plan.steps.slice(0, firstOnline);
    if (steps.length > 0 && progress.triesLocksSince === undefined) {
      progress.step = "the wait for other work on the tables";
      if (plan.tables.length > 0) await run(quietLock(plan.tables));
      await run(`SET LOCAL lock_timeout TO ${Math.min(lockTimeout || LOCK_ATTEMPT, LOCK_ATTEMPT)};`);
      progress.triesLocksSince = performance.now();
    }
    for (const { name, advice, statements } of steps) {
      Object.assign(progress, { step: name, advice });
      await run(...statements);
    }
    return plan;
  };
  const plan = await applyPlan();
  // The migrations may have been applied to a changed schema, which is repaired now.
  const after = plan.applied.length === 0 ? plan : await applyPlan();
  progress.step = "reading its rules";
  const unvalidated = await findUnvalidatedRules(transaction, schema);
  const isLeft = ({ constraint }: UnvalidatedRule) => isLeftOnline(constraint, after.online);
  return {
    plan,
    applied: plan.applied.slice(0, after === plan ? 0 : plan.applied.length - after.applied.length),
    repaired: after.differences.map(({ what }) => what),
    /** What is left to do: online steps, and migrations that wait for them. */
    after,
    unvalidated: unvalidated.filter((rule) => !isLeft(rule)),
  };
}
