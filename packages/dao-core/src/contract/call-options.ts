/** The optional last argument of every service and DAO method. */
export interface CallOptions {
  /**
   * Gives the call up: the statement is cancelled on the server, and the promise rejects with the signal's `reason`, after
   * a second at the latest. A statement that the server had finished by then has happened. Inside a unit of work an
   * aborted statement ends the whole of it. An embedded database and a host's connection cannot cancel a statement that
   * runs: there the signal is heeded before it begins. Default: none; the time-outs of the database bound the call.
   */
  readonly signal?: AbortSignal | undefined;
}
