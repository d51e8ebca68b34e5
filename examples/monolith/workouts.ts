import { DaoTaskService, joinDrizzle, type TaskDto } from "@flux/dao-core";
import { tasks } from "@flux/dao-core/schema";
import { eq, sql, sum } from "drizzle-orm";
import { doublePrecision, type PgDatabase, type PgQueryResultHKT, pgTable, uuid } from "drizzle-orm/pg-core";

/** The application's own table: the workout that one of our tasks became. */
const workouts = pgTable("workouts", {
  taskId: uuid("task_id")
    .primaryKey()
    .references(() => tasks.id, { onDelete: "cascade" }),
  kilometres: doublePrecision("kilometres").notNull(),
});

/** The application's Drizzle, on any driver. */
export type HostDatabase = PgDatabase<PgQueryResultHKT>;

/** The application's own migration, after ours: its table references one of ours. */
export async function migrateWorkouts(database: HostDatabase): Promise<void> {
  await database.execute(sql`
    create table if not exists workouts (
      task_id uuid primary key references tasks (id) on delete cascade,
      kilometres double precision not null check (kilometres > 0)
    )`);
}

/** Completes one of our tasks and records the application's workout: both or neither. */
export function completeRun(database: HostDatabase, taskId: string, kilometres: number): Promise<TaskDto> {
  return database.transaction(async (transaction) => {
    const task = await new DaoTaskService(joinDrizzle(transaction)).updateTask(taskId, { state: "completed" });
    await transaction.insert(workouts).values({ taskId, kilometres });
    return task;
  });
}

/** How far a user has run: one query over the application's table and ours. */
export async function kilometresOf(database: HostDatabase, userId: string): Promise<number> {
  const [row] = await database
    .select({ kilometres: sum(workouts.kilometres).mapWith(Number) })
    .from(workouts)
    .innerJoin(tasks, eq(tasks.id, workouts.taskId))
    .where(eq(tasks.userId, userId));
  return row?.kilometres ?? 0;
}
