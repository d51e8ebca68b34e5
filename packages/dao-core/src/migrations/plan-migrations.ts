import type { CallOptions } from "../contract/call-options.ts";
import type { SqlDriver } from "../session/driver.ts";
import { toDaoError } from "../session/postgres-errors.ts";
import { embeddedMigrations } from "./migration-set.ts";
import { LOCK, type MigrationPlan, makePlan, refuseDifferences, SETTINGS } from "./plan.ts";

/** What `migrate()` would do now. */
export interface MigrationPlanText {
  /** The version of the schema now, and the one that this code needs. */
  readonly from: number;
  readonly to: number;
  /** The migrations that would enter the journal; none when there is nothing to do. */
  readonly applied: readonly string[];
  /** Whether a database of the Python service would be taken over. */
  readonly takesOver: boolean;
  /** What of the schema was changed past the migrations and would be put right, as half sentences. */
  readonly repairs: readonly string[];
  /**
   * A script for `psql` or any other client, with its own BEGIN and COMMIT; empty when there is nothing to do. It is
   * meant for this database as it is now: on another one, or run twice, it fails and changes nothing.
   */
  readonly sql: string;
}

/**
 * Says what `migrate()` would do to this database, as SQL for those who apply it by hand, journal entries included.
 * Changes nothing, and needs no more than to read the catalog and the journal.
 * @throws SchemaVersionError as `migrate()` does; UnavailableError
 */
export async function planMigrations(driver: SqlDriver, options?: CallOptions): Promise<MigrationPlanText> {
  const plan = await readPlan(driver, options);
  refuseDifferences(plan);
  const { from, to, applied, takesOver, steps } = plan;
  const body = steps.flatMap(({ name, statements }) => [`-- ${name}`, ...statements]);
  const sql =
    steps.length === 0
      ? ""
      : [
          `-- Flux DAO: the schema from version ${from} to version ${to}${takesOver ? ", taken over from the Python service" : ""}`,
          "BEGIN;",
          ...SETTINGS,
          LOCK,
          ...body,
          "COMMIT;",
          "",
        ].join("\n");
  return { from, to, applied, takesOver, repairs: plan.differences.map(({ what }) => what), sql };
}

/** What there is to do, and what cannot be done. */
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
