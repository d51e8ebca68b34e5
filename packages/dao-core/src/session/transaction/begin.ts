import type { TransactionOptions } from "../database-session.ts";
import { milliseconds } from "../limits.ts";

/**
 * The script that begins a transaction with these options: one round trip, and nothing that outlives the transaction.
 * @throws ValidationError for a time-out that is not a whole number of milliseconds
 */
export function beginScript(options: TransactionOptions): string {
  return [`begin${modeOf(options)}`, ...localTimeouts(options)].join("; ");
}

/**
 * The statements that set these options in a transaction that has just begun.
 * @throws ValidationError for a time-out that is not a whole number of milliseconds
 */
export function transactionSettings(options: TransactionOptions): string[] {
  const mode = modeOf(options);
  return [...(mode === "" ? [] : [`set transaction${mode}`]), ...localTimeouts(options)];
}

function modeOf({ isolationLevel, readOnly }: TransactionOptions): string {
  const isolation = isolationLevel === undefined ? "" : ` isolation level ${isolationLevel}`;
  return readOnly === true ? `${isolation} read only` : isolation;
}

function localTimeouts({ statementTimeout, lockTimeout }: TransactionOptions): string[] {
  const settings: string[] = [];
  if (statementTimeout !== undefined) {
    settings.push(`set local statement_timeout = ${milliseconds("statementTimeout", statementTimeout)}`);
  }
  if (lockTimeout !== undefined) settings.push(`set local lock_timeout = ${milliseconds("lockTimeout", lockTimeout)}`);
  return settings;
}
