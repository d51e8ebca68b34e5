import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "../contract/errors.ts";
import type { SqlTransaction } from "../session/driver.ts";
import * as limits from "../session/limits.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";
import { throwIfAborted, untilAborted } from "../session/waiting/deadline.ts";
import { JOURNAL, type OnlineProgress, progressUpdate, readProgress } from "./journal.ts";
import { toMigrationError } from "./migration-error.ts";
import type { Migration, MigrationTarget } from "./migration-set.ts";
import { type OnlineStatement, onlineName, readOnlineStatement } from "./online-statements.ts";
import { runAll, settingsIn } from "./plan.ts";

/** Lock not available; deadlock detected, as of two that build indexes on a table; serialization failure. */
const COLLISIONS: ReadonlySet<unknown> = new Set(["55P03", "40P01", "40001"]);
const VIOLATIONS: ReadonlySet<unknown> = new Set(["23503", "23514"]);

const codeOf = (error: unknown) => databaseErrorFacts(error)?.code;
export const isCollision = (error: unknown) => COLLISIONS.has(codeOf(error));

/** Waits before attempt number `attempt` (from 1) to get a lock, so that those who queued can finish. */
export async function pauseBeforeAttempt(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  const longest = Math.min(limits.LONGEST_RETRY_DELAY, limits.LOCK_ATTEMPT * 2 ** attempt);
  await untilAborted(delay(longest * (0.5 + Math.random() / 2)), signal);
}

/** Locks tables against other migrations, index builds and autovacuum. No read or write queues behind this lock. */
export const quietLock = (tables: readonly string[]) =>
  `LOCK TABLE ${tables.join(", ")} IN SHARE UPDATE EXCLUSIVE MODE;`;

type Turn =
  | { readonly kind: "finished" }
  /** Another process is at work, or a table or row in use. */
  | { readonly kind: "busy" | "locked"; readonly error?: unknown }
  /** A step is done; or a batch of it, which took so many milliseconds. */
  | { readonly kind: "advanced"; readonly isDone: boolean; readonly took: number }
  | { readonly kind: "outside"; readonly statement: string };

/**
 * Does what is left of the online steps of a recorded migration. The journal's row tells how far they are, and is locked while one
 * is done; so any number of processes may do this at once, and each may be killed at any time. An index cannot be built in the
 * transaction that holds that lock: a process claims it there, and then holds a lock on the table until it is built.
 * @returns the names of the steps that this process has done
 */
export async function runOnlineSteps(target: MigrationTarget, migration: Migration): Promise<string[]> {
  const { driver, schema, waitTimeout, lockTimeout, statementTimeout, signal } = target;
  const { version, online = [] } = migration;
  let step = "reading the progress of the online steps";
  let batchRows = limits.FIRST_BATCH_ROWS;
  let ownClaim: number | undefined;
  /** Whether it waits for a lock behind which no statement queues. */
  let isQuiet = false;
  const done: string[] = [];
  let [last, since, attempts] = ["", 0, 0];
  for (;;) {
    throwIfAborted(signal);
    const outcome = await turn().catch(collided);
    if (outcome.kind === "finished") return done;
    if (outcome.kind !== last) [last, since, attempts] = [outcome.kind, performance.now(), 0];
    if (outcome.kind === "advanced") {
      if (outcome.isDone) done.push(step);
      // Others get as much of the server as this does.
      else await untilAborted(delay(outcome.took), signal);
    } else if (outcome.kind !== "outside") {
      const limit = outcome.kind === "busy" ? waitTimeout : lockTimeout;
      if (limit > 0 && performance.now() - since >= limit) throw failure(outcome.error);
      await pauseBeforeAttempt(++attempts, signal);
    }
  }

  async function turn(): Promise<Turn> {
    const ended = await driver.transaction(within, {
      isolationLevel: "read committed",
      statementTimeout,
      lockTimeout: limits.LOCK_ATTEMPT,
      signal,
    });
    if (ended.kind !== "outside") return ended;
    const { statement } = ended;
    // A host's client would run a statement with a signal in a transaction.
    await (driver.executeAlone?.(statement, signal) ?? untilAborted(driver.execute(statement, []), signal));
    return ended;
  }

  async function within(transaction: SqlTransaction): Promise<Turn> {
    await runAll(transaction, settingsIn(schema));
    const query = `select "online"::text as online from ${schema.qualified(JOURNAL)}
      where "version" = ${version} and "online" is not null`;
    const { rows: unlocked } = await transaction.execute(`${query} for update skip locked`, []);
    const { rows } = unlocked.length > 0 ? { rows: unlocked } : await transaction.execute(query, []);
    if (rows[0] === undefined) return { kind: "finished" };
    const progress = readProgress(String(rows[0][0]));
    step = onlineName(migration, progress.done);
    if (unlocked.length === 0) return { kind: "busy" };
    const statement = readOnlineStatement(schema, online[progress.done] ?? "");
    if (statement.kind === "batches") return writeBatch(transaction, statement.text, progress);
    if (statement.table !== undefined) {
      isQuiet = true;
      await runAll(transaction, [
        `SET LOCAL lock_timeout TO ${limits.QUIET_LOCK_ATTEMPT};`,
        quietLock([statement.table]),
        `SET LOCAL lock_timeout TO ${limits.LOCK_ATTEMPT};`,
      ]);
      isQuiet = false;
    }
    if (statement.kind === "index") return buildIndex(transaction, statement, progress);
    await transaction
      .savepoint((inner) => inner.execute(statement.text, []))
      .catch((error: unknown) => {
        // The rule stays NOT VALID; the report of the migration tells which rows break it.
        if (!VIOLATIONS.has(codeOf(error)) || !statement.text.includes(" VALIDATE CONSTRAINT ")) throw error;
      });
    return finishStep(transaction, progress);
  }

  async function writeBatch(transaction: SqlTransaction, text: string, progress: OnlineProgress): Promise<Turn> {
    // A plan for any key and number of rows may read the whole table.
    await runAll(transaction, ["SET LOCAL plan_cache_mode TO force_custom_plan;"]);
    const begun = performance.now();
    const { rows } = await transaction.execute(text, [progress.cursor ?? null, batchRows]);
    const took = performance.now() - begun;
    const adapted = Math.round(batchRows * Math.min(2, limits.BATCH_TIME / took));
    batchRows = Math.max(1, Math.min(adapted, limits.MAX_BATCH_ROWS));
    const key = rows[0]?.[0] ?? undefined;
    if (key === undefined) return finishStep(transaction, progress);
    await save(transaction, { done: progress.done, cursor: String(key) });
    return { kind: "advanced", isDone: false, took };
  }

  async function buildIndex(
    transaction: SqlTransaction,
    { create, drop, index }: Extract<OnlineStatement, { readonly kind: "index" }>,
    progress: OnlineProgress,
  ): Promise<Turn> {
    const { rows } = await transaction.execute(
      `select (select indisvalid::text from pg_index where indexrelid = to_regclass($1)) as valid,
         (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now`,
      [index],
    );
    const isValid = rows[0]?.[0] ?? undefined;
    const now = Number(rows[0]?.[1]);
    if (isValid === "true") return finishStep(transaction, progress);
    const { claimedAt = Number.NEGATIVE_INFINITY } = progress;
    if (claimedAt !== ownClaim && now < claimedAt + limits.INDEX_CLAIM) return { kind: "busy" };
    ownClaim = now;
    await save(transaction, { done: progress.done, claimedAt: now });
    // No process is building an invalid one, since the table is not locked: it is what a killed one has left.
    return { kind: "outside", statement: isValid === undefined ? create : drop };
  }

  async function finishStep(transaction: SqlTransaction, { done }: OnlineProgress): Promise<Turn> {
    const isLast = done + 1 >= online.length;
    await save(transaction, isLast ? undefined : { done: done + 1 });
    return { kind: "advanced", isDone: true, took: 0 };
  }

  function save(transaction: SqlTransaction, progress: OnlineProgress | undefined): Promise<unknown> {
    return transaction.execute(progressUpdate(schema, version, progress), []);
  }

  /** @throws `error`, translated, if it is not that of a lock */
  function collided(error: unknown): Turn {
    const kind = isQuiet ? "busy" : "locked";
    isQuiet = false;
    if (!isCollision(error)) throw failure(error);
    batchRows = Math.max(1, Math.floor(batchRows / 2));
    return { kind, error };
  }

  function failure(error: unknown): unknown {
    const progress = { schema: schema.name, to: version, step, isOnline: true };
    if (error !== undefined) return toMigrationError(error, progress);
    return new UnavailableError(
      `The schema ${schema.name} is at version ${version}, and can be used, but another process was still at work ` +
        `on ${step}. Run migrate() again, or with a longer waitTimeout.`,
    );
  }
}
