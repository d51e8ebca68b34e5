import { MAX_BULK_TASKS, type TaskService } from "@flux/dao-core";

const WEEK = 7 * 24 * 60 * 60_000;

/** What {@link markMissedTasks} found and did. */
export interface MissedTasks {
  readonly tasksChecked: number;
  readonly missed: number;
}

/** Batch job: marks as missed, for all users, the drifted tasks that should have ended more than a week ago. */
export async function markMissedTasks(tasks: TaskService, now = new Date()): Promise<MissedTasks> {
  const weekAgo = new Date(now.getTime() - WEEK);

  // Step 1: Page through the drifted tasks. Read all of them before the first update, which removes rows from this list.
  const drifted = new Map<string, Date | null>();
  for (let page = 1, hasNext = true; hasNext; page++) {
    const answer = await tasks.listTasks({ state: "drifted", page });
    for (const task of answer.items) drifted.set(task.id, task.endTime);
    hasNext = answer.hasNext;
  }
  console.log(`Found ${drifted.size} drifted tasks`);

  // Step 2: Identify those that are too old to make up for
  const missedIds = [...drifted].filter(([, endTime]) => endTime !== null && endTime < weekAgo).map(([id]) => id);

  // Step 3: Bulk update them, as many at once as one call takes
  let missed = 0;
  for (let start = 0; start < missedIds.length; start += MAX_BULK_TASKS) {
    const taskIds = missedIds.slice(start, start + MAX_BULK_TASKS);
    const { updatedCount } = await tasks.bulkUpdateState({ taskIds, newState: "missed" });
    missed += updatedCount;
  }
  console.log(`Marked ${missed} tasks as missed`);

  return { tasksChecked: drifted.size, missed };
}
