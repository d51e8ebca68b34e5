import type { SqlParameter, SqlResult } from "../driver.ts";

/** One connection, for one transaction's use. */
export interface SqlConnection {
  /** `false` once the connection is lost; it never comes back. */
  readonly isAlive: boolean;
  /** Why it was dropped on purpose: the reason of an abort. */
  readonly lossCause?: unknown;
  execute(text: string, parameters: readonly SqlParameter[], signal?: AbortSignal): Promise<SqlResult>;
  /** Runs statements without parameters, whose results are ignored. */
  executeScript(text: string): Promise<void>;
  /** A savepoint of an application's client, which ends as `work` does, or with the connection; where there is none, SQL does it. */
  nested?<Result>(work: (connection: SqlConnection) => Promise<Result>): Promise<Result>;
  /**
   * Calls `listener` once, when {@link isAlive} becomes `false` for whatever reason. There is one listener at a time; `undefined`
   * removes it. If this is absent, only the next statement notices a loss.
   */
  onLost?(listener: (() => void) | undefined): void;
  /**
   * Drops the connection, so that the server rolls back, and what still runs on it rejects; an application's is only used no
   * more. Absent where a connection cannot be dropped: then what runs is waited for.
   */
  drop?(cause: unknown): void;
}
