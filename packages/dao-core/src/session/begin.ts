import { ValidationError } from "../contract/errors.ts";
import type { TransactionOptions } from "./database-session.ts";

/** The largest time-out that PostgreSQL and Node take, in milliseconds: 24 days. */
export const LARGEST_VALUE = 2_147_483_647;

/**
 * The script that begins a transaction with these options: one round trip, and nothing that outlives the transaction.
 * @throws ValidationError for a time-out that is not a whole number of milliseconds
 */
export function beginScript({ isolationLevel, readOnly, statementTimeout, lockTimeout }: TransactionOptions): string {
  let begin = "begin";
  if (isolationLevel !== undefined) begin += ` isolation level ${isolationLevel}`;
  if (readOnly === true) begin += " read only";
  if (statementTimeout !== undefined) {
    begin += `; set local statement_timeout = ${milliseconds("statementTimeout", statementTimeout)}`;
  }
  if (lockTimeout !== undefined) begin += `; set local lock_timeout = ${milliseconds("lockTimeout", lockTimeout)}`;
  return begin;
}

/**
 * The time-out `value` as PostgreSQL takes it.
 * @throws ValidationError, naming the option, for anything but a whole number of milliseconds from 0 (no limit) on
 */
export function milliseconds(option: string, value: number): number {
  if (isWholeNumber(value, 0)) return value;
  const message = `must be a whole number of milliseconds from 0 (no limit) to ${LARGEST_VALUE}`;
  throw new ValidationError([{ path: option, message }]);
}

export function isWholeNumber(value: unknown, smallest: number): boolean {
  return Number.isInteger(value) && Number(value) >= smallest && Number(value) <= LARGEST_VALUE;
}
