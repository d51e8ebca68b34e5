import type { CallOptions } from "../contract/call-options.ts";
import type { Daos } from "./daos.ts";
import type { PieceReads } from "./piece-reads.ts";
import type { DatabaseTelemetry } from "./telemetry.ts";

/** How far a transaction is shielded from others; PostgreSQL's three levels. */
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
 * The port to the database: a DAO for each of the six entities, one for idempotency keys, and a transaction. A service takes any session, be it a pool or an open
 * transaction. Another ORM implements this interface, and nothing else.
 */
export interface DatabaseSession extends Daos {
  /** Whether this is an open transaction: then {@link transaction} is a savepoint within it. */
  readonly isTransaction: boolean;
  /** Reads for callers that hand rows on, whose memory does not depend on what rows hold; absent where there are none. */
  readonly pieces?: PieceReads | undefined;
  /** Notified when a unit of work on it is retried. Default: none. */
  readonly telemetry?: DatabaseTelemetry | undefined;

  /**
   * Runs `work` in a transaction: committed when its promise fulfils, rolled back when it rejects, at the timeout or abort, and
   * when the connection is lost, whatever `work` still does. On a session that is
   * a transaction already it is a savepoint, and `options` other than `signal` and `timeout` are refused.
   *
   * Callers use {@link DaoUnitOfWork.run}, which adds retries and what happens after the commit.
   * @throws RetryableError, TransactionLostError, UnavailableError, and whatever `work` throws
   */
  transaction<Result>(
    work: (session: DatabaseSession) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;

  /**
   * Runs `work`, which reads the source of an import and writes what comes, when its turn has come: few run at a time, so that
   * slow sources leave connections to other calls. Absent where imports are not limited, as within a transaction, which has its
   * connection already.
   * @throws UnavailableError when too many wait, or its turn has not come in time; the signal's reason; what `work` throws
   */
  runImport?<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}
