import type { DaoServices } from "@flux/dao-core";

/** What {@link schedulerDailySync} found and did. */
export interface DailySync {
  readonly tasksChecked: number;
  readonly drifted: number;
}

/** Scheduler: reads the tasks of the day (UTC), and marks overdue scheduled ones as drifted. */
export async function schedulerDailySync(services: DaoServices, userId: string, now = new Date()): Promise<DailySync> {
  // Step 1: Get tasks for today's time window
  const startTime = new Date(now);
  startTime.setUTCHours(0, 0, 0, 0);
  const endTime = new Date(now);
  endTime.setUTCHours(23, 59, 59, 999);

  const tasks = await services.tasks.getTasksByTimerange({ userId, startTime, endTime });
  console.log(`Found ${tasks.length} tasks for today`);

  // Step 2: Identify drifted tasks (business logic in Scheduler)
  const drifted = tasks.filter(({ state, endTime }) => state === "scheduled" && endTime !== null && endTime < now);

  // Step 3: Bulk update drifted tasks
  if (drifted.length > 0) {
    const { updatedCount } = await services.tasks.bulkUpdateState({
      taskIds: drifted.map((task) => task.id),
      newState: "drifted",
    });
    console.log(`Marked ${updatedCount} tasks as drifted`);
  }

  return { tasksChecked: tasks.length, drifted: drifted.length };
}
