import type { DatabaseOptions } from "@flux/dao-core";
import { MAX_TIMEOUT } from "../wire/limits.ts";

type NumericOption = {
  [Option in keyof DatabaseOptions]-?: DatabaseOptions[Option] extends number | undefined ? Option : never;
}[keyof DatabaseOptions];

type LimitOption = Exclude<NumericOption, "poolSize">;

/** The limits of `openDatabase` from the environment; `undefined` stands for the data layer's default. */
export type DatabaseLimits = Readonly<Partial<Record<LimitOption, number>>>;

/** The variable of a limit, and its meaning. */
export interface LimitSetting {
  readonly variable: string;
  readonly min: number;
  /** For the command's help and the table in docs/running.md, which a test compares. */
  readonly meaning: string;
}

/** Every limit of the data layer: a new one does not compile until it is listed. */
export const LIMIT_SETTINGS: Readonly<Record<LimitOption, LimitSetting>> = {
  connectTimeout: { variable: "DB_CONNECT_TIMEOUT_MS", min: 1, meaning: "connecting, TLS and login included" },
  acquireTimeout: { variable: "DB_ACQUIRE_TIMEOUT_MS", min: 1, meaning: "waiting for a connection to be free" },
  statementTimeout: { variable: "DB_STATEMENT_TIMEOUT_MS", min: 0, meaning: "a statement; 0 is no limit" },
  lockTimeout: { variable: "DB_LOCK_TIMEOUT_MS", min: 0, meaning: "waiting for a lock; 0 is no limit" },
  idleInTransactionTimeout: {
    variable: "DB_IDLE_IN_TRANSACTION_TIMEOUT_MS",
    min: 0,
    meaning: "a transaction that waits for its next statement; 0 is no limit",
  },
  idleTimeout: { variable: "DB_IDLE_TIMEOUT_MS", min: 0, meaning: "a connection that is not used; 0 is no limit" },
  maxLifetime: { variable: "DB_MAX_LIFETIME_MS", min: 0, meaning: "a connection, used or not; 0 is no limit" },
  maxWaiting: {
    variable: "DB_MAX_WAITING",
    min: 1,
    meaning: "callers (a number) that wait for a connection; the next is rejected",
  },
  maxConversationBytes: {
    variable: "DB_MAX_CONVERSATION_BYTES",
    min: 2,
    meaning: "bytes of JSON text that a conversation's messages may have in all; 8,388,608 is 8 MiB",
  },
};

/** @param wholeNumber reads a variable; `undefined` if it is not set */
export function readDatabaseLimits(
  wholeNumber: (variable: string, min: number, max: number) => number | undefined,
): DatabaseLimits {
  return Object.fromEntries(
    Object.entries(LIMIT_SETTINGS).flatMap(([option, { variable, min }]) => {
      const value = wholeNumber(variable, min, MAX_TIMEOUT);
      return value === undefined ? [] : [[option, value]];
    }),
  );
}
