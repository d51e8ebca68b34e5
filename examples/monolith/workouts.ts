import { tasks } from "@flux/dao-core/schema";
import { sql } from "drizzle-orm";
import { doublePrecision, type PgDatabase, type PgQueryResultHKT, pgTable, uuid } from "drizzle-orm/pg-core";

/** A table of the host's own: what a task, which is ours, has become. */
export const workouts = pgTable("workouts", {
  taskId: uuid("task_id")
    .primaryKey()
    .references(() => tasks.id, { onDelete: "cascade" }),
  kilometres: doublePrecision("kilometres").notNull(),
});

/** The host's Drizzle, on whichever driver. */
export type HostDatabase = PgDatabase<PgQueryResultHKT>;

/** The host's own migration, after ours: its table refers to one of ours. */
export async function migrateWorkouts(database: HostDatabase): Promise<void> {
  await database.execute(sql`
    create table if not exists workouts (
      task_id uuid primary key references tasks (id) on delete cascade,
      kilometres double precision not null check (kilometres > 0)
    )`);
}
