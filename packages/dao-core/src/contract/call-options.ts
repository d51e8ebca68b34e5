/** The optional last argument of every service and DAO method. */
export interface CallOptions {
  /**
   * Aborts the call: the statement is cancelled on the server, and the promise rejects with the signal's `reason`, after
   * a second at the latest. A statement that the server had finished by then has happened. Inside a unit of work an
   * aborted statement ends the whole of it; the signal of a unit of work ends it whatever its callback waits for. An
   * embedded database and an application's Drizzle cannot cancel a statement that runs: there the signal is respected before
   * and after it. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds that the call may take in all, waiting included; then it is aborted as by a signal, with an
   * {@link UnavailableError}. Default: what the database's own limits add up to, 42 s unless set otherwise.
   */
  readonly timeout?: number | undefined;
}

/** The options of what is read row by row. */
export interface StreamOptions extends CallOptions {
  /**
   * Called with a cursor when the loop has had all rows before it, each thousand rows at most, and not behind the last. Kept,
   * it lets another stream with the same filter go on from there. What it throws ends the stream. Default: none.
   */
  readonly onCursor?: ((cursor: string) => void) | undefined;
}

/** The options of what creates a row. */
export interface CreateOptions extends CallOptions {
  /**
   * The id of the new row, where the caller wants to know it before: a call that is repeated then finds the row there
   * ({@link ConflictError}) and makes no second one. In-process only; over HTTP an idempotency key does this. Default: a
   * new UUIDv7.
   */
  readonly id?: string | undefined;
}

/** The options of what changes or deletes one row. */
export interface WriteOptions extends CallOptions {
  /**
   * The version that the row must still have, as `versionOf` tells it, or several of which it must have one; `"*"` is any
   * row that exists. Where the row has another, nothing is written, and {@link VersionMismatchError} is thrown. Default:
   * whichever it has.
   */
  readonly ifVersion?: string | readonly string[] | undefined;
}
