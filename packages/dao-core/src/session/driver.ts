import type { CallOptions } from "../contract/call-options.ts";
import type { TransactionOptions } from "./database-session.ts";
import type { ImportLimit } from "./import-limit.ts";
import type { ObservedDatabase } from "./telemetry.ts";

/** A bound value. Instants and JSON are text, which the statement casts, so that no client serializes them in its own way. */
export type SqlParameter = string | number | boolean | null;

/** A row as the values of its columns, in the order of the statement. Instants and JSON are text, which the statement made of them. */
export type SqlRow = readonly unknown[];

export interface SqlResult {
  readonly rows: readonly SqlRow[];
}

/**
 * What a statement does: `point` is a read that takes the server well under a millisecond, whatever its parameters, and waits
 * for no lock; `read` one that may take its time; `write` one that writes, or may wait for a lock.
 */
export type StatementKind = "point" | "read" | "write";

/** How one statement is run. */
export interface StatementOptions extends CallOptions {
  /** Default `write`. */
  readonly kind?: StatementKind | undefined;
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
  /** Whether it is a transaction that the application has opened, and will end. */
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
