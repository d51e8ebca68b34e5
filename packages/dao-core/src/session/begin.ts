import { ValidationError } from "../contract/errors.ts";
import type { TransactionOptions } from "./database-session.ts";

/** The largest time-out that PostgreSQL and Node take, in milliseconds: 24 days. */
export const LARGEST_VALUE = 2_147_483_647;

/**
 * The script that begins a transaction with these options: one round trip, and nothing that outlives the transaction.
 * @throws ValidationError for a time-out that is not a whole number of milliseconds
 */
export function beginScript(options: TransactionOptions): string {
  const { isolationLevel, readOnly } = options;
  let begin = "begin";
  if (isolationLevel !== undefined) begin += ` isolation level ${isolationLevel}`;
  if (readOnly === true) begin += " read only";
  return [begin, ...localSettings(options)].join("; ");
}

/**
 * The statements that set a transaction's own time-outs.
 * @throws ValidationError for one that is not a whole number of milliseconds
 */
export function localSettings({ statementTimeout, lockTimeout }: TransactionOptions): string[] {
  const settings: string[] = [];
  if (statementTimeout !== undefined) {
    settings.push(`set local statement_timeout = ${milliseconds("statementTimeout", statementTimeout)}`);
  }
  if (lockTimeout !== undefined) settings.push(`set local lock_timeout = ${milliseconds("lockTimeout", lockTimeout)}`);
  return settings;
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
