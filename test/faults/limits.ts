import type { DatabaseOptions } from "@flux/dao-core";

/** The connections of every pool in the matrix. */
export const POOL_SIZE = 8;

/** Their name in `pg_stat_activity`. */
export const APPLICATION = "faults";

/** The runs of `test:faults` have the machine for themselves; a slice of them shares it with other tests. */
const isAlone = process.env["VITEST"] === undefined;

const CONNECT_TIMEOUT = isAlone ? 1_000 : 3_000;
const ACQUIRE_TIMEOUT = isAlone ? 1_500 : 4_000;
const STATEMENT_TIMEOUT = 1_000;

/** The limits are short, so that a pause that exceeds them is short too. */
export const databaseOptions: DatabaseOptions = {
  poolSize: POOL_SIZE,
  connectTimeout: CONNECT_TIMEOUT,
  acquireTimeout: ACQUIRE_TIMEOUT,
  statementTimeout: STATEMENT_TIMEOUT,
  lockTimeout: 400,
  idleInTransactionTimeout: 5_000,
  applicationName: APPLICATION,
};

export const migrationOptions = { waitTimeout: 2_000, lockTimeout: 2_000, statementTimeout: 2_000 };

/** How long after a statement's time-out an unresponsive server is abandoned: documented, not an option. */
const SILENCE_MARGIN = 2_000;

/** Allowance for a machine that is busy with the server, the matrix and other work. */
const ALLOWANCE = isAlone ? 500 : 2_000;

/** When every call must have settled: the sum of all limits that one fault can make a call wait for. */
export const CALL_DEADLINE = ACQUIRE_TIMEOUT + CONNECT_TIMEOUT + STATEMENT_TIMEOUT + SILENCE_MARGIN + ALLOWANCE;

/** How long a server is paused: long enough that a call which waits for its return exceeds its deadline. */
export const PAUSE = CALL_DEADLINE + 200;

/** A migration also waits for a concurrent one. */
export const MIGRATION_DEADLINE = CALL_DEADLINE + migrationOptions.waitTimeout;

/** How soon after the end of a fault the pool must serve again, with all its connections. */
export const RECOVERY = isAlone ? 2_000 : 10_000;
