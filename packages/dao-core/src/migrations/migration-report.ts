import type { CallOptions } from "../contract/call-options.ts";
import type { RuleViolation } from "./schema-check/rule-violations.ts";

/** How long a migration may wait and run. All times in milliseconds; 0 is no limit. */
export interface MigrationOptions extends CallOptions {
  /**
   * For another process that migrates the same database. Default 600,000: whoever comes second waits until the first
   * is done, and then has nothing to do.
   */
  readonly waitTimeout?: number | undefined;
  /**
   * For a table that is in use. Default 30,000. Statements that come meanwhile queue up behind the migration, so a
   * short one protects a busy service: the migration then fails, changes nothing, and can be run again.
   */
  readonly lockTimeout?: number | undefined;
  /**
   * For one statement. Default 3,600,000, an hour, which no table of a sane size needs to be read or indexed. A server that
   * says nothing for 2,000 longer than a statement may take is taken for lost; with 0, no limit, it would be waited for.
   */
  readonly statementTimeout?: number | undefined;
}

/** What `migrate()` found and did. */
export interface MigrationReport {
  /** The version of the schema before: 0 is an empty database, or one of the Python service. */
  readonly from: number;
  /** The version now: the one that this code needs. */
  readonly to: number;
  /** The migrations entered in the journal by this call, in order; none when there was nothing to do. */
  readonly applied: readonly string[];
  /** Whether this call brought a database of the Python service to version 1. */
  readonly takenOver: boolean;
  /** What was changed past the migrations and is put right, as half sentences: `the index tasks_goal_id_idx is missing`. */
  readonly repaired: readonly string[];
  /**
   * The rules that the database does not vouch for, because it was taken over with rows that break them. Reported by
   * every call until they are validated, so that whoever runs the second migration learns of them too.
   */
  readonly violations: readonly RuleViolation[];
  /** Milliseconds, waiting for other processes included. */
  readonly durationMs: number;
}
