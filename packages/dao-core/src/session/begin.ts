import type { TransactionOptions } from "./database-session.ts";

/**
 * The script that begins a transaction with these options: one round trip, and nothing that outlives the transaction.
 * @throws RangeError for a time-out that is not a whole number of milliseconds
 */
export function beginScript({ isolationLevel, readOnly, statementTimeout, lockTimeout }: TransactionOptions): string {
  let begin = "begin";
  if (isolationLevel !== undefined) begin += ` isolation level ${isolationLevel}`;
  if (readOnly === true) begin += " read only";
  if (statementTimeout !== undefined) begin += `; set local statement_timeout = ${milliseconds(statementTimeout)}`;
  if (lockTimeout !== undefined) begin += `; set local lock_timeout = ${milliseconds(lockTimeout)}`;
  return begin;
}

/**
 * `value` as PostgreSQL takes it for a time-out.
 * @throws RangeError for anything but a whole number of milliseconds
 */
export function milliseconds(value: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= 2_147_483_647) return value;
  throw new RangeError(`A time-out must be a whole number of milliseconds from 0 (no limit) on, not ${value}.`);
}
