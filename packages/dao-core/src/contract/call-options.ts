/** Who a call is made for, such as a request to a server. */
export interface Requester {
  /** Aborts when the requester has disconnected. Read only while a call waits. */
  readonly signal?: AbortSignal | undefined;
}

/** The optional last argument of every service and DAO method. */
export interface CallOptions {
  /**
   * Aborts the call: the running statement is cancelled on the server, and the promise rejects with the signal's `reason`
   * within a second. A statement that had already finished on the server is not undone. Inside a unit of work, aborting one
   * statement ends the whole unit of work, and the unit of work's own signal ends it whatever its callback is waiting for.
   * An embedded database cannot cancel a running statement: there the signal is checked before and after it. In most of an
   * application's open transactions it has a second more, then their connection counts as lost. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds that the call may take, waiting included. After that it is aborted as by a signal, and rejects with an
   * {@link UnavailableError}. Default: the sum of the database's own limits, 42 s unless configured otherwise.
   */
  readonly timeout?: number | undefined;
  /**
   * Who the call is made for. If it disconnects while the call waits for a connection of our pool or of a joined `pg.Pool`, or
   * for an embedded database, the call is not started and rejects with its signal's reason. A running statement continues, so
   * that, unlike with `signal`, it needs no connection to itself. Default: none.
   */
  readonly requester?: Requester | undefined;
  /**
   * For reads from a standby, units of work included: what {@link DatabasePosition} the result must cover, as the `position()` of
   * the primary returned it after a write. The call waits until the standby has replayed it, without a connection, for as long as
   * the call may take (30 s without a `timeout`); then it rejects with an {@link UnavailableError}. On a primary it is satisfied
   * at once. Over HTTP, the client sends the position of its own writes by itself. Default: none.
   */
  readonly readAfter?: string | undefined;
}

/** The options of a method that streams rows. */
export interface StreamOptions extends CallOptions {
  /**
   * Called with a cursor at least every thousand rows, once the loop has received every row up to that cursor; not called
   * after the last row. Another stream with the same filter resumes from a saved cursor. An error thrown here ends the
   * stream. Default: none.
   */
  readonly onCursor?: ((cursor: string) => void) | undefined;
}

/** The options of a method that creates a row. */
export interface CreateOptions extends CallOptions {
  /**
   * A client-supplied id for the new row. A repeated call then finds the row and throws {@link ConflictError} instead of
   * creating a second one. Over HTTP only in a batch: otherwise use an idempotency key. Default: a new UUIDv7.
   */
  readonly id?: string | undefined;
}

/** The options of a method that changes or deletes one row. */
export interface WriteOptions extends CallOptions {
  /**
   * The version that the row must still have, as returned by `versionOf`, or a list of which it must have one; `"*"` means
   * any existing row. If the row has another version nothing is written and {@link VersionMismatchError} is thrown.
   * Default: no check.
   */
  readonly ifVersion?: string | readonly string[] | undefined;
}

/** The options of a method that creates or replaces one row. */
export interface PutOptions extends CallOptions {
  /** As in {@link WriteOptions}; `null` means that there must be no row yet, so that it is created, not replaced. */
  readonly ifVersion?: string | readonly string[] | null | undefined;
}
