import type { CallOptions } from "../contract/call-options.ts";

/** How long a migration may wait and run, and whether it is done as a whole. All times are in milliseconds; 0 means no limit. */
export interface MigrationOptions extends CallOptions, PlanOptions {
  /** How long to wait for another process that is migrating the same database, or building an index of it. Default 600,000. */
  readonly waitTimeout?: number | undefined;
  /**
   * How long to try to get a table that is in use. Later statements on it queue behind the migration, so it waits for 50 ms at a
   * time, then rolls back and lets them pass before it begins again. In the end it fails, changes nothing, and can be run again.
   * Default 30,000.
   */
  readonly lockTimeout?: number | undefined;
  /** How long one statement may take; a server that is silent for 2,000 ms longer counts as lost. Default 3,600,000, an hour. */
  readonly statementTimeout?: number | undefined;
  /**
   * `false` leaves the online steps of the migrations (indexes, batches of rows, validation, which may take hours) to a later call.
   * Until they are done the code works, if more slowly, and `checkReady` accepts the schema. Default `true`.
   */
  readonly online?: boolean | undefined;
}

/** What `migrate()` is to do besides bringing the schema to its version. */
export interface PlanOptions {
  /**
   * Whether to enable the change feed (docs/how-to/changes.md): triggers that record every change of a row. Once enabled it stays, and
   * is kept up to date, whatever later calls say. Default `false`.
   */
  readonly changes?: boolean | undefined;
}
