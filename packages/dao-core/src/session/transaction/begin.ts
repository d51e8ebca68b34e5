import type { TransactionOptions } from "../database-session.ts";
import { milliseconds } from "../limits.ts";

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
