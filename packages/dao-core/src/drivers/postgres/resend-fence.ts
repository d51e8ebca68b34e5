import type { SqlParameter } from "../../session/driver.ts";

/**
 * What of the inside of postgres.js 3.4 is relied on; each has a test in test/postgres-js.test.ts, and docs/decisions.md says
 * why. Everything else that is used of it is public.
 */

/** Thrown to keep a statement from being sent a second time. */
class ResendError extends Error {}

/**
 * The parameters of a statement that may be sent once. postgres.js sends a prepared statement that the server has refused
 * (0A000, 26000) again, behind those that are pipelined already, and from then on gives each the result of another. It reads the
 * parameters with `forEach` each time it sends: what is thrown then keeps the statement from being sent, and rejects it.
 */
export class SentOnce extends Array<SqlParameter> {
  #isSent = false;

  /** A copy: postgres.js writes into the array. */
  static copy(parameters: readonly SqlParameter[]): SentOnce {
    const copied = new SentOnce(parameters.length);
    for (let index = 0; index < parameters.length; index++) copied[index] = parameters[index] ?? null;
    return copied;
  }

  override forEach(use: (value: SqlParameter, index: number, parameters: SqlParameter[]) => void): void {
    if (this.#isSent) throw new ResendError("The server has refused the prepared statement.");
    this.#isSent = true;
    super.forEach(use);
  }
}

/** Whether `error` is what {@link SentOnce} has thrown. */
export function isResendError(error: unknown): boolean {
  return error instanceof ResendError;
}

/** The server's error that made postgres.js send the query again. */
export function refusalOf(query: PromiseLike<unknown>): unknown {
  return Reflect.get(query, "retried");
}

/** Whether postgres.js has given a query to its connection; until then it has no state. */
export function isSent(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "state"));
}

/** Whether the server had prepared the query's statement before postgres.js sent it. */
export function wasPrepared(query: PromiseLike<unknown>): boolean {
  return Boolean(Reflect.get(query, "prepared"));
}
