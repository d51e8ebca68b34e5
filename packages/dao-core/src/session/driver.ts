import type { CallOptions } from "../contract/call-options.ts";
import type { TransactionOptions } from "./database-session.ts";
import type { ImportLimit } from "./import-limit.ts";
import type { ObservedDatabase } from "./telemetry.ts";

/** A bound value, in a form that every driver sends alike: instants and JSON are text already. */
export type SqlParameter = string | number | boolean | null;

/** A row as the values of its columns, in the order of the statement. */
export type SqlRow = readonly unknown[];

export interface SqlResult {
  readonly rows: readonly SqlRow[];
  /** How many rows the statement answered or changed. */
  readonly count: number;
}

/** How one statement is run. */
export interface StatementOptions extends CallOptions {
  /**
   * Whether it is a read that the server answers in well under a millisecond, whatever its parameters: then it may be sent
   * behind others of its kind, though a connection is idle. Default `false`.
   */
  readonly isShort?: boolean | undefined;
}

/** Runs statements, each on its own or all in one transaction, as the thing behind it decides. */
export interface SqlExecutor {
  /**
   * Runs one statement with `$1`, `$2`, … bound to `parameters`, as a prepared one unless the session forbids it.
   * Rejects with the driver's own error; {@link toDaoError} translates it.
   */
  execute(text: string, parameters: readonly SqlParameter[], options?: StatementOptions): Promise<SqlResult>;
}

/** An open transaction. */
export interface SqlTransaction extends SqlExecutor {
  /** Runs `work` so that its statements alone are undone when it rejects. */
  savepoint<Result>(work: (transaction: SqlTransaction) => Promise<Result>, options?: CallOptions): Promise<Result>;
}

/** A database behind a driver. */
export interface SqlDriver extends SqlExecutor, ObservedDatabase {
  /** What it is, for a person: `PostgreSQL at localhost:5432/flux`. Never holds a password. */
  readonly description: string;
  /** Whether it is a transaction that somebody else has opened, and will commit. */
  readonly isTransaction: boolean;
  /**
   * Runs a probe's statement, which must not wait long for the work of others: beside the pool where all of its connections
   * stay in use. Where there is no room for that either it rejects with SQLSTATE 53300. Absent where statements wait for nothing.
   */
  readonly probe?: SqlExecutor | undefined;
  /** How many imports run on its pool at a time. Absent in an application's transaction, which has its connection already. */
  readonly imports?: ImportLimit | undefined;
  transaction<Result>(
    work: (transaction: SqlTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;
  /**
   * Has connections opened again before they are used next, since the server behind them takes no writes: after a failover they
   * may lead to another. Those of the last second stay. Absent where the connections are not the driver's to replace.
   */
  replaceConnections?(): void;
  /** Lets what runs finish, for `timeout` milliseconds at most, then closes every connection. */
  close(timeout?: number): Promise<void>;
}
