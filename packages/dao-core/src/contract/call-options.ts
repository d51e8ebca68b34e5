/** The optional last argument of every service and DAO method. */
export interface CallOptions {
  /**
   * Gives the call up: the statement is cancelled on the server, the promise rejects with the signal's `reason`, and
   * nothing of it is kept. Default: none; the statement time-out of the session bounds the call.
   */
  readonly signal?: AbortSignal | undefined;
}
