import type { CallOptions } from "./contract/call-options.ts";
import { IdempotencyKeyReusedError, UnitOfWorkMisuseError, ValidationError } from "./contract/errors.ts";
import type { JsonValue } from "./contract/fields/json.ts";
import type { DatabaseSession, IdempotencyKey } from "./session/database-session.ts";
import { DELETE_BATCH, KEY_LIFETIME } from "./session/limits.ts";
import { OWN_WORK } from "./session/transaction/transaction-context.ts";
import { assertWork, type DaoUnitOfWork, runRetryable } from "./unit-of-work.ts";

/** Identifies the work of {@link runOnce}, and says how to run it. */
export interface OnceOptions extends CallOptions {
  /** Whose key it is: the same key in another scope is a different key. 0 to 255 characters. Default `""`. */
  readonly scope?: string | undefined;
  /** The caller's unique name for this work: a UUID, or `invoice-2026-02`. 1 to 255 characters. */
  readonly key: string;
  /** Tells this work from other work that is run under its key: a digest of its input. At most 255 characters. Default `""`. */
  readonly fingerprint?: string | undefined;
}

export interface OnceOutcome<Result> {
  readonly result: Result;
  /** Whether the work was done earlier, and `result` was recorded then. */
  readonly isReplay: boolean;
}

/**
 * Runs work exactly once, however often and by however many callers at once this is called: the key and the result are written in
 * the work's own transaction. A later call with the same key only returns the recorded result. Work that throws leaves nothing
 * behind, and may be tried again. After a serialization failure or deadlock it is run again, at most nine times, so all of its
 * effects should be undone by a rollback.
 *
 * ```ts
 * const { result } = await runOnce(db, { key: `weekly-plan-${week}` }, async (uow) => {
 *   const goal = await uow.goals.create({ userId, title });
 *   return { goalId: goal.id };
 * });
 * ```
 *
 * A key is remembered for 24 hours. The result is stored as JSON: when replayed, it has text in place of a `Date`.
 * @throws IdempotencyKeyReusedError if the key was used with another fingerprint; ValidationError for an invalid key;
 *   and what {@link DaoUnitOfWork.run} throws
 */
export async function runOnce<Result extends JsonValue>(
  session: DatabaseSession,
  options: OnceOptions,
  work: (uow: DaoUnitOfWork) => Promise<Result>,
): Promise<OnceOutcome<Result>> {
  const key = toKey(options);
  assertWork(work);
  const runKeyed = async (uow: DaoUnitOfWork): Promise<OnceOutcome<Result>> => {
    const recorded = await uow.idempotencyKeys.claim(key, KEY_LIFETIME);
    if (recorded === null) {
      const result = await work(uow);
      // Without types work may return undefined or a function, which JSON does not have.
      await uow.idempotencyKeys.record(key, JSON.stringify(result) ?? "null");
      return { result, isReplay: false };
    }
    if (recorded.fingerprint !== key.fingerprint) throw new IdempotencyKeyReusedError();
    // Only the transaction that claimed a key can see it without a result.
    if (recorded.result === null) throw new UnitOfWorkMisuseError(NESTED);
    // Recorded by the same work, whose result has this type.
    return { result: JSON.parse(recorded.result) as Result, isReplay: true };
  };
  return runRetryable(session, options, runKeyed, OWN_WORK in options);
}

const NESTED = "The work with this idempotency key is already running in this transaction. Call runOnce once per key.";

function toKey({ scope = "", key, fingerprint = "" }: OnceOptions): IdempotencyKey {
  const parts = { scope, key, fingerprint };
  const issues = Object.entries(parts).flatMap(([path, value]) => {
    const min = path === "key" ? 1 : 0;
    if (typeof value === "string" && value.length >= min && value.length <= 255) return [];
    return [{ path, message: `must be a string of ${min} to 255 characters` }];
  });
  if (issues.length > 0) throw new ValidationError(issues);
  return parts;
}

/** Deletes keys older than 24 hours; returns how many. Call it from time to time, as the server does. @throws UnavailableError */
export function deleteExpiredIdempotencyKeys(session: DatabaseSession, options?: CallOptions): Promise<number> {
  return session.idempotencyKeys.deleteExpired(KEY_LIFETIME, DELETE_BATCH, options);
}
