import { DaoTaskService, joinDrizzle, type TaskDto } from "@flux/dao-core";
import { tasks } from "@flux/dao-core/schema";
import { eq, sum } from "drizzle-orm";
import { type HostDatabase, workouts } from "./workouts.ts";

/** Completes a task, which is ours, and writes down the host's workout: both or neither. */
export function completeRun(database: HostDatabase, taskId: string, kilometres: number): Promise<TaskDto> {
  return database.transaction(async (transaction) => {
    const task = await new DaoTaskService(joinDrizzle(transaction)).updateTask(taskId, { state: "completed" });
    await transaction.insert(workouts).values({ taskId, kilometres });
    return task;
  });
}

/** How far a user has run: one query over the host's table and ours. */
export async function kilometresOf(database: HostDatabase, userId: string): Promise<number> {
  const [row] = await database
    .select({ kilometres: sum(workouts.kilometres).mapWith(Number) })
    .from(workouts)
    .innerJoin(tasks, eq(tasks.id, workouts.taskId))
    .where(eq(tasks.userId, userId));
  return row?.kilometres ?? 0;
}
