import type { CallOptions } from "../contract/call-options.ts";
import type { Daos } from "./daos.ts";
import type { Instrumentation } from "./instrumentation.ts";
import type { PieceReads } from "./piece-reads.ts";

/** The isolation of a transaction: PostgreSQL's three levels. */
export type IsolationLevel = "read committed" | "repeatable read" | "serializable";

/** How a transaction runs. */
export interface TransactionOptions extends CallOptions {
  /** Default: the database's, which is `read committed` unless it was changed. */
  readonly isolationLevel?: IsolationLevel | undefined;
  /** Default `false`. */
  readonly readOnly?: boolean | undefined;
  /** Milliseconds that a statement of the transaction may run. Default: the session's. */
  readonly statementTimeout?: number | undefined;
  /** Milliseconds that a statement may wait for a lock. Default: the session's. */
  readonly lockTimeout?: number | undefined;
}

/**
 * The port to the database: a DAO for each of the six entities, one for idempotency keys, and transactions. A service takes any
 * session, whether a pool or an open transaction. An ORM with queries of its own implements this interface, and nothing else.
 */
export interface DatabaseSession extends Daos {
  /** Whether this is an open transaction: then {@link transaction} is a savepoint within it. */
  readonly isTransaction: boolean;
  /** Reads whose memory does not depend on the length of rows, for callers that pass rows on. Absent if there are none. */
  readonly pieces?: PieceReads | undefined;
  /** Notified when a unit of work on it is retried. Default: none. */
  readonly telemetry?: Instrumentation | undefined;

  /**
   * Runs `work` in a transaction, which is committed when its promise fulfils and rolled back when it rejects, at the timeout or
   * abort, or when the connection is lost, whatever `work` still does. If the session is a transaction itself, `work` runs in a
   * savepoint, and options other than `signal` and `timeout` are rejected.
   *
   * Callers use {@link DaoUnitOfWork.run}, which adds retries and callbacks after the commit.
   * @throws RetryableError, TransactionLostError, UnavailableError, and whatever `work` throws
   */
  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;

  /**
   * Runs `work`, an import that writes rows as its source produces them. Few imports run at a time, so that slow sources leave
   * connections to other calls. Absent if imports are not limited.
   * @throws UnavailableError if too many wait, or this one has waited too long; the signal's reason; what `work` throws
   */
  runImport?<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}
