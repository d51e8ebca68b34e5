import type { CallOptions } from "../contract/call-options.ts";
import type { RuleViolation } from "./schema-check/rule-violations.ts";

/** How long a migration may wait and run. All times are in milliseconds; 0 means no limit. */
export interface MigrationOptions extends CallOptions {
  /**
   * How long to wait for another process that is migrating the same database; once it is done there is usually nothing left
   * to do. Default 600,000.
   */
  readonly waitTimeout?: number | undefined;
  /**
   * How long to wait for a table that is in use. Statements that arrive in the meantime queue up behind the migration, so a
   * short time protects a busy service: the migration then fails, changes nothing, and can be run again. Default 30,000.
   */
  readonly lockTimeout?: number | undefined;
  /**
   * How long one statement may take. A server that is silent for 2,000 ms longer is considered lost; with 0 it is waited for
   * indefinitely. Default 3,600,000, an hour, enough to scan or index any table of reasonable size.
   */
  readonly statementTimeout?: number | undefined;
}

/** What `migrate()` found and did. */
export interface MigrationReport {
  /** The schema's version before: 0 is an empty database, or one of the Python service. */
  readonly from: number;
  /** The schema's version now: the one that this code needs. */
  readonly to: number;
  /** The migrations that this call recorded in the journal, in order; empty if there was nothing to do. */
  readonly applied: readonly string[];
  /** Whether this call adopted a database of the Python service. */
  readonly adopted: boolean;
  /** Changes made outside the migrations that were repaired, as clauses: `the index tasks_goal_id_idx is missing`. */
  readonly repaired: readonly string[];
  /**
   * The rules that are not validated, because the database was adopted with rows that violate them. Every call reports them
   * until they are validated.
   */
  readonly violations: readonly RuleViolation[];
  /** How long the call took in milliseconds, waiting for other processes included. */
  readonly durationMs: number;
}
