import type { TaskState } from "../contract/fields/task-enums.ts";
import type { TaskStatisticsDto } from "../contract/task.ts";

/** The statistics that these counts of a user's tasks are; a state that is left out has none. */
export function toTaskStatistics(
  userId: string,
  { scheduled = 0, drifted = 0, completed = 0, missed = 0 }: Readonly<Partial<Record<TaskState, number>>>,
): TaskStatisticsDto {
  const totalTasks = scheduled + drifted + completed + missed;
  return {
    userId,
    totalTasks,
    byState: { scheduled, drifted, completed, missed },
    completionRate: totalTasks === 0 ? 0 : Math.round((completed / totalTasks) * 10_000) / 10_000,
  };
}
