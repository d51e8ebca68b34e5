import type { DatabaseOptions } from "@flux/dao-core";

/** The connections of every pool in the matrix. */
export const POOL_SIZE = 8;

/** What `pg_stat_activity` calls them. */
export const APPLICATION = "faults";

const CONNECT_TIMEOUT = 500;
const ACQUIRE_TIMEOUT = 500;
const STATEMENT_TIMEOUT = 500;

/** The limits are short, so that a pause that outlasts them is too. */
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

/** How long after a statement's time-out a silent server is given up: documented, and no option. */
const SILENCE_MARGIN = 2_000;

/** For a machine that is busy with the server, the matrix and whatever else. */
const ALLOWANCE = 500;

/** When every call must have settled: all the limits that can pass one after the other when one fault hits it. */
export const CALL_DEADLINE = ACQUIRE_TIMEOUT + CONNECT_TIMEOUT + STATEMENT_TIMEOUT + SILENCE_MARGIN + ALLOWANCE;

/** How long a server is paused: so long that a call which waits for its return is late. */
export const PAUSE = CALL_DEADLINE + 200;

/** A migration waits for another one too. */
export const MIGRATION_DEADLINE = CALL_DEADLINE + migrationOptions.waitTimeout;

/** How soon after the end of a fault the pool must serve, and be as it was. */
export const RECOVERY = 2_000;
