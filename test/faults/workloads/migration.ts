import type { Database } from "@flux/dao-core";
import type postgres from "postgres";
import { askUntil } from "../../ask-until.ts";
import { MIGRATION_DEADLINE, migrationOptions, RECOVERY } from "../limits.ts";
import type { Outcome } from "../outcome.ts";
import type { Workload } from "../workload.ts";

/** All workers migrate the same empty database; the later ones find it migrated. */
export const migration: Workload = {
  name: "migration",
  database: "empty",
  deadline: MIGRATION_DEADLINE,
  busyFor: 150,
  async begin({ database, sql }) {
    await sql.unsafe("drop schema public cascade; create schema public");
    const outcomes = new Set<Outcome>();
    return {
      next: () => ({
        unit: "transaction",
        run: () => database.migrate(migrationOptions),
        settled: (outcome) => void outcomes.add(outcome),
      }),
      async audit(audited, tally) {
        const relations = await relationsIn(audited);
        const isWhole = relations > 0 && (await isReady(database));
        if (relations > 0 && !isWhole) tally.violate("partial commit", `${relations} relations of a schema`);
        if (outcomes.has("acknowledged") && !isWhole) tally.violate("acknowledged write lost", "the schema");
        const isRefused = outcomes.size === 1 && outcomes.has("refused");
        if (isRefused && relations > 0) tally.violate("refused write found", "the schema");
        // Whatever state the fault left, the next run completes it.
        await database.migrate(migrationOptions);
        const whole = await relationsIn(audited);
        if (isWhole && relations !== whole) tally.violate("partial commit", `${relations} of ${whole} relations`);
        if (!(await isReady(database)))
          tally.violate("partial commit", "a schema that the next migration does not repair");
      },
    };
  },
};

/** Tables, indexes, types and constraints. */
async function relationsIn(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select (select count(*) from pg_class where relnamespace = 'public'::regnamespace)::int
      + (select count(*) from pg_type where typnamespace = 'public'::regnamespace)::int
      + (select count(*) from pg_constraint where connamespace = 'public'::regnamespace)::int as count`;
  return row?.count ?? 0;
}

/** Whether the schema is complete; retried within the time to recover, since a connection may be broken still. */
function isReady(database: Database): Promise<boolean> {
  const isWhole = () =>
    database.checkReady().then(
      () => true,
      () => false,
    );
  return askUntil(isWhole, Boolean, { limit: RECOVERY });
}
