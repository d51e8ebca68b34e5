import type { TargetSession } from "../../connection-string/database-url.ts";
import { ValidationError } from "../../contract/errors.ts";
import * as limits from "../../session/limits.ts";
import { STATE_QUERY } from "./server-search.ts";

/** How to use a PostgreSQL server. All times in milliseconds; 0 disables a server-side limit. */
export interface PostgresDriverOptions {
  /** Maximum number of connections, for single statements and transactions together. Default 10. */
  readonly poolSize?: number | undefined;
  /**
   * Whether statements are prepared once per connection. Default `true`. Behind a proxy that pools by transaction (PgBouncer) it
   * must be `false`; then no connection settings are sent either, and the server's own limits of statements and locks apply.
   */
  readonly prepare?: boolean | undefined;
  /**
   * Maximum number of statements in flight on one connection. Default 8. 1 is for a proxy that loses responses, or mixes them up, if the
   * next statement arrives before the last one has returned, as Supavisor does when it pools by transaction.
   */
  readonly pipelineDepth?: number | undefined;
  /** For connecting. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /** For waiting until a connection is free or has been opened. Default 5,000. */
  readonly acquireTimeout?: number | undefined;
  /** Maximum number of callers that wait for a connection; further ones are rejected. Default 1,000. */
  readonly maxWaiting?: number | undefined;
  /** Maximum number of imports at a time, each of which holds a connection. Default 0: a quarter of `poolSize`, but at least 1. */
  readonly maxImports?: number | undefined;
  /** For a statement; a server that is silent for 2,000 longer counts as lost, also with `prepare: false`. Default 30,000. */
  readonly statementTimeout?: number | undefined;
  /** For a statement's wait for a lock. Default 10,000. */
  readonly lockTimeout?: number | undefined;
  /** For a transaction without a running statement; also with `prepare: false`, and embedded. Default 60,000. */
  readonly idleInTransactionTimeout?: number | undefined;
  /** Until an idle connection is closed. Default 600,000 (10 minutes); 0 is no limit. Tested before use after 30 seconds. */
  readonly idleTimeout?: number | undefined;
  /** From opening a connection to replacing it, up to a tenth less. Default 1,800,000 (30 minutes); 0 is no limit. */
  readonly maxLifetime?: number | undefined;
  /** What `pg_stat_activity` shows. Default `flux-dao`. */
  readonly applicationName?: string | undefined;
}

/** What is run on each new connection. Not startup parameters, which poolers reject. Asks for the state if that matters. */
export function sessionScript(given: Limits | undefined, targetSession: TargetSession): string {
  // Where a database has array_nulls off, NULL in an array would be text.
  const set = given === undefined ? {} : { array_nulls: "on", ...sessionSettings(given) };
  const settings = Object.entries(set).map(([name, value]) => `set ${name} = ${value}`);
  return [...settings, ...(targetSession === "any" ? [] : [STATE_QUERY])].join("; ") || "select 1";
}

/** The limits that the server keeps, by its names for them. */
export function sessionSettings(given: Limits): Record<string, string> {
  const settings = {
    statement_timeout: given.statementTimeout,
    lock_timeout: given.lockTimeout,
    idle_in_transaction_session_timeout: given.idleInTransactionTimeout,
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

type Limits = Pick<PostgresDriverOptions, "statementTimeout" | "lockTimeout" | "idleInTransactionTimeout">;

export function responseTimeout(statementTimeout: number): number {
  return statementTimeout === 0 ? 0 : Math.min(statementTimeout + limits.RESPONSE_MARGIN, limits.LARGEST_VALUE);
}

/** The options that are numbers, each with a value. */
export type DriverNumbers = Record<keyof typeof numberOptions, number>;

/** The smallest and the default value of each. */
const numberOptions = {
  poolSize: [1, limits.DEFAULT_POOL_SIZE],
  pipelineDepth: [1, limits.DEFAULT_PIPELINE_DEPTH],
  connectTimeout: [1, limits.DEFAULT_CONNECT_TIMEOUT],
  acquireTimeout: [1, limits.DEFAULT_ACQUIRE_TIMEOUT],
  maxWaiting: [1, limits.DEFAULT_MAX_WAITING],
  maxImports: [0, 0],
  statementTimeout: [0, limits.DEFAULT_STATEMENT_TIMEOUT],
  lockTimeout: [0, limits.DEFAULT_LOCK_TIMEOUT],
  idleInTransactionTimeout: [0, limits.DEFAULT_IDLE_IN_TRANSACTION_TIMEOUT],
  idleTimeout: [0, limits.DEFAULT_IDLE_TIMEOUT],
  maxLifetime: [0, limits.DEFAULT_MAX_LIFETIME],
} as const;

export function readNumbers(options: PostgresDriverOptions): DriverNumbers {
  const defaults = Object.entries(numberOptions).map(([path, [, usual]]) => [path, usual] as const);
  const numbers = { ...Object.fromEntries(defaults), ...withoutUndefined(options) } as DriverNumbers;
  const issues = Object.entries(numberOptions).flatMap(([path, [smallest]]) => {
    if (limits.isWholeNumber(Reflect.get(numbers, path), smallest)) return [];
    return [{ path, message: `must be a whole number from ${smallest} to ${limits.LARGEST_VALUE}` }];
  });
  if (issues.length > 0) throw new ValidationError(issues);
  return numbers;
}

export function withoutUndefined(options: PostgresDriverOptions): PostgresDriverOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
