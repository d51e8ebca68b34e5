import type { CallOptions } from "./contract/call-options.ts";
import { IdempotencyKeyReusedError, UnitOfWorkMisuseError, ValidationError } from "./contract/errors.ts";
import type { JsonValue } from "./contract/fields/json.ts";
import type { IdempotencyKey } from "./session/daos.ts";
import type { DatabaseSession } from "./session/database-session.ts";
import { type DaoUnitOfWork, runRepeatable } from "./unit-of-work.ts";

/** Milliseconds for which a key is remembered: 24 hours. */
const KEY_LIFETIME = 86_400_000;

/** Which work it is, and how to run it. */
export interface OnceOptions extends CallOptions {
  /** Whose key it is; the same key of another scope is another key. 0 to 255 characters. Default `""`. */
  readonly scope?: string | undefined;
  /** What the caller calls this work, unique for each: a UUID, or `invoice-2026-02`. 1 to 255 characters. */
  readonly key: string;
  /**
   * Tells the work from another that comes under the same key by mistake: a digest of its input, say. At most 255
   * characters. Default `""`.
   */
  readonly fingerprint?: string | undefined;
}

export interface OnceOutcome<Result> {
  readonly result: Result;
  /** Whether the work had been done before, and `result` is what was recorded then. */
  readonly isReplay: boolean;
}

/**
 * Does work exactly once, however often it is called, and by how many at a time: the key and the result are written in
 * the work's own transaction, so either all of it has happened or none. A later call with the same key gets the recorded
 * result, and does nothing. Work that throws leaves nothing behind, and may be tried again under its key. Work that the
 * database gave up for others is run again, five times at most, so it should do nothing that no rollback undoes.
 *
 * ```ts
 * const { result } = await runOnce(db, { key: `weekly-plan-${week}` }, async (uow) => {
 *   const goal = await uow.goals.create({ userId, title });
 *   return { goalId: goal.id };
 * });
 * ```
 *
 * A key is remembered for 24 hours. The result is kept as JSON: a replay has text where a `Date` was.
 * @throws IdempotencyKeyReusedError when the key came with another fingerprint; ValidationError for a key that is none;
 *   and what {@link DaoUnitOfWork.run} throws
 */
export async function runOnce<Result extends JsonValue>(
  session: DatabaseSession,
  options: OnceOptions,
  work: (uow: DaoUnitOfWork) => Promise<Result>,
): Promise<OnceOutcome<Result>> {
  const key = toKey(options);
  return runRepeatable(session, options, async (uow) => {
    const recorded = await uow.idempotencyKeys.claim(key, KEY_LIFETIME);
    if (recorded === null) {
      const result = await work(uow);
      await uow.idempotencyKeys.record(key, JSON.stringify(result));
      return { result, isReplay: false };
    }
    if (recorded.fingerprint !== key.fingerprint) throw new IdempotencyKeyReusedError();
    if (recorded.result === null) throw nestedUseError();
    // Recorded by this same work, whose result has this type.
    return { result: JSON.parse(recorded.result) as Result, isReplay: true };
  });
}

/** A key without a result is seen only by the transaction that has claimed it. */
function nestedUseError(): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(
    "The work under this idempotency key has begun in this same transaction. Run it once.",
  );
}

function toKey({ scope = "", key, fingerprint = "" }: OnceOptions): IdempotencyKey {
  const parts = { scope, key, fingerprint };
  const issues = Object.entries(parts).flatMap(([path, value]) => {
    const min = path === "key" ? 1 : 0;
    if (typeof value === "string" && value.length >= min && value.length <= 255) return [];
    return [{ path, message: `must be text of ${min} to 255 characters` }];
  });
  if (issues.length > 0) throw new ValidationError(issues);
  return parts;
}

/** How many keys are deleted at a time, so that no transaction gets long. */
const SWEEP_BATCH = 1_000;

/**
 * Deletes the keys of {@link runOnce} that are older than 24 hours; answers how many. Call it now and then, in one process or in
 * several: the HTTP server does.
 * @throws UnavailableError
 */
export async function sweepIdempotencyKeys(session: DatabaseSession, options?: CallOptions): Promise<number> {
  let total = 0;
  for (;;) {
    const deleted = await session.idempotencyKeys.deleteExpired(KEY_LIFETIME, SWEEP_BATCH, options);
    total += deleted;
    if (deleted < SWEEP_BATCH) return total;
  }
}
