import type { CallOptions } from "../contract/call-options.ts";
import { invalid } from "../contract/fields/validation.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import { ISOLATION_LEVELS, type TransactionOptions } from "./database-session.ts";
import type { ImportLimit } from "./import-limit.ts";
import type { TelemetrySource } from "./instrumentation.ts";
import { milliseconds } from "./limits.ts";

/** A bound value. Instants and JSON are passed as text, which the statement casts, so that clients do not serialize them differently. */
export type SqlParameter = string | number | boolean | null;

/** The values of a row, in the statement's column order. The statement casts instants and JSON to text. */
export type SqlRow = readonly unknown[];

export interface SqlResult {
  /** Belongs to the caller, who may empty it: a driver keeps no result. */
  readonly rows: SqlRow[];
}

/**
 * The kind of a statement: a `point` query is a read that takes the server well under a millisecond, whatever its parameters, and
 * waits for no lock; a `read` may take longer; a `count` is a read that one run answers for several callers, outside of transactions;
 * a `write` writes, or may wait for a lock.
 */
export type StatementKind = "point" | "read" | "count" | "write";

/** How one statement is run. */
export interface StatementOptions extends CallOptions {
  /** Default `write`. */
  readonly kind?: StatementKind | undefined;
}

/** Runs statements, each by itself or all in one transaction, depending on the implementation. */
export interface SqlExecutor {
  /** Runs one statement with `$1`, `$2`, … bound. Rejects with the driver's own error; {@link toDaoError} translates it. */
  execute(text: string, parameters: readonly SqlParameter[], options?: StatementOptions): Promise<SqlResult>;
}

/** What a session's DAOs run their statements on: an executor, and the schema of the tables. */
export interface SchemaExecutor extends SqlExecutor {
  readonly schema: SchemaName;
}

/** An open transaction. */
export interface SqlTransaction extends SqlExecutor {
  /** Runs `work`; if it rejects, only its own statements are undone. */
  savepoint<Result>(work: (transaction: SqlTransaction) => Promise<Result>, options?: CallOptions): Promise<Result>;
}

/** A driver: what connects the data layer to a database. */
export interface SqlDriver extends SqlExecutor, TelemetrySource {
  /** A description for people, such as `PostgreSQL at localhost:5432/flux`. Never contains a password. */
  readonly description: string;
  /** Whether it is a transaction that the application opened and will end. */
  readonly isTransaction: boolean;
  /**
   * Runs a probe's statement, which must not wait long for other work: on an extra connection if all of the pool's stay in use.
   * Rejects with SQLSTATE 53300 if the server permits no more. Absent if statements never wait.
   */
  readonly probe?: SqlExecutor | undefined;
  /** Runs a statement that may take hours, without time-outs, on an extra connection. Absent if {@link execute} does the same. */
  executeAlone?(text: string, signal?: AbortSignal): Promise<SqlResult>;
  /** How often a connection was lost, or another server found: the next may lead to another server. Absent if not known. */
  readonly lostConnections?: number | undefined;
  /** Whether connections lead to different servers at the same time. Default `false`. */
  readonly balancesLoad?: boolean | undefined;
  /** Limits the imports that run on its pool at a time. Absent in an application's transaction, which has its connection. */
  readonly imports?: ImportLimit | undefined;
  transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
  /**
   * Replaces the connections before their next use, because their server is read-only: after a failover, new ones may lead to
   * another server. Connections younger than a second stay. Absent in an application's transaction.
   */
  replaceConnections?(): void;
  /** Lets running statements finish, for at most `timeout` milliseconds, then closes every connection. */
  close(timeout?: number): Promise<void>;
}

/** What identifies its database: the pool, which several drivers may use, and whose limit of imports they share. */
export const poolOf = (driver: SqlDriver): object => driver.imports ?? driver;

/** A connection, as a transaction uses it. */
export interface SqlConnection {
  /** `false` once the connection is lost; it never comes back. */
  readonly isAlive: boolean;
  /** Why it was dropped on purpose: the reason of an abort. */
  readonly lossCause?: unknown;
  /** Whether what it is given before earlier statements have settled is sent behind them, and never on another connection. */
  readonly pipelines?: boolean;
  execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult>;
  /**
   * Sends `begin`, a single statement, together with what {@link execute} sends next, which has no effect unless it succeeds; if it
   * fails, that rejects with its error. Only for a connection that {@link pipelines}, when nothing runs on it. Absent if it cannot.
   * @param begun called when it has succeeded
   */
  beginWithNext?(begin: string, begun: () => void): void;
  /** Runs statements without parameters. Of a single one it returns what was done (`COMMIT`), where the client tells. */
  executeScript(text: string): Promise<string | undefined>;
  /** Runs `work` in a savepoint that the application's client sets. If absent, savepoints are set by SQL. */
  nested?<Result>(work: (connection: SqlConnection) => Promise<Result>): Promise<Result>;
  /** Set by those who are to be called once when {@link isAlive} becomes `false`; if it is not called, the next statement notices. */
  onLost?: (() => void) | undefined;
  /**
   * Drops the connection, so that the server rolls back and running statements reject; an application's is only no longer used.
   * Absent if a connection cannot be dropped: then running statements are waited for.
   */
  drop?(cause: unknown): void;
}

/**
 * The script that begins a transaction with these options: one round trip, and no setting outlives the transaction.
 * @throws ValidationError for an unknown isolation level, or a time-out that is not a whole number of milliseconds
 */
export function beginScript(options: TransactionOptions): string {
  return [`begin${modeOf(options)}`, ...localTimeouts(options)].join("; ");
}

/** The statements that set these options in a transaction that has just begun. @throws as {@link beginScript} */
export function transactionSettings(options: TransactionOptions): string[] {
  const mode = modeOf(options);
  return [...(mode === "" ? [] : [`set transaction${mode}`]), ...localTimeouts(options)];
}

function modeOf({ isolationLevel, readOnly }: TransactionOptions): string {
  // It becomes part of a script.
  if (isolationLevel !== undefined && !ISOLATION_LEVELS.includes(isolationLevel)) {
    throw invalid("isolationLevel", `must be one of ${ISOLATION_LEVELS.map((level) => `"${level}"`).join(", ")}`);
  }
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
