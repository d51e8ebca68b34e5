import type { CallOptions } from "../contract/call-options.ts";
import type { SqlDriver } from "../session/driver.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { embeddedMigrations } from "./migration-set.ts";
import { LOCK, type MigrationPlan, makePlan, refuseDifferences, SETTINGS } from "./plan.ts";

/** What `migrate()` would do now. */
export interface MigrationPlanText {
  /** The schema's version now, and the one that this code needs. */
  readonly from: number;
  readonly to: number;
  /** The migrations that would be recorded in the journal; empty if there is nothing to do. */
  readonly applied: readonly string[];
  /** Whether a database of the Python service would be adopted. */
  readonly adopts: boolean;
  /** Changes made outside the migrations that would be repaired, as clauses: `the index tasks_goal_id_idx is missing`. */
  readonly repairs: readonly string[];
  /**
   * A script for `psql` or another client, with its own BEGIN and COMMIT; empty if there is nothing to do. It is meant for
   * this database in its current state: on another one, or run twice, it fails and changes nothing.
   */
  readonly sql: string;
}

/**
 * Returns what `migrate()` would do to this database, as SQL to apply by hand, journal entries included. Changes nothing, and
 * only needs to read the catalog and the journal.
 * @throws SchemaVersionError as `migrate()` does; UnavailableError
 */
export async function planMigrations(driver: SqlDriver, options?: CallOptions): Promise<MigrationPlanText> {
  const plan = await readPlan(driver, options);
  refuseDifferences(plan);
  const { from, to, applied, adopts, steps } = plan;
  const body = steps.flatMap(({ name, statements }) => [`-- ${name}`, ...statements]);
  const sql =
    steps.length === 0
      ? ""
      : [
          `-- Flux DAO: the schema from version ${from} to version ${to}${adopts ? ", adopted from the Python service" : ""}`,
          "BEGIN;",
          ...SETTINGS,
          LOCK,
          ...body,
          "COMMIT;",
          "",
        ].join("\n");
  return { from, to, applied, adopts, repairs: plan.differences.map(({ what }) => what), sql };
}

/** Reads the plan, including differences that cannot be repaired. */
export async function readPlan(driver: SqlDriver, { signal }: CallOptions = {}): Promise<MigrationPlan> {
  try {
    return await driver.transaction(
      async (transaction) => {
        for (const statement of SETTINGS) await transaction.execute(statement, []);
        return makePlan(transaction, embeddedMigrations);
      },
      { readOnly: true, isolationLevel: "repeatable read", signal },
    );
  } catch (error) {
    throw toDaoError(error);
  }
}
