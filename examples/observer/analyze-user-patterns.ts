import type { DaoServices, TaskStatisticsDto } from "@flux/dao-core";

const DAY = 24 * 60 * 60_000;

/** Statistics, and what the Observer makes of them. */
export interface UserPatterns extends TaskStatisticsDto {
  readonly lowCompletionRate: boolean;
}

/** Observer: counts the tasks that were created for the user in the past days, and remarks on a low completion rate. */
export async function analyzeUserPatterns(services: DaoServices, userId: string, days = 30): Promise<UserPatterns> {
  // Get statistics for the past N days
  const now = new Date();
  const statistics = await services.tasks.getTaskStatistics({
    userId,
    startDate: new Date(now.getTime() - days * DAY),
    endDate: now,
  });

  console.log(`User ${userId} - Past ${days} days:`);
  console.log(`  Total tasks: ${statistics.totalTasks}`);
  console.log(`  Completion rate: ${(statistics.completionRate * 100).toFixed(1)}%`);
  console.log("  By state:", statistics.byState);

  // Business logic: Detect patterns (done in Observer, not DAO)
  const lowCompletionRate = statistics.completionRate < 0.5;
  if (lowCompletionRate) {
    console.log("  ⚠️  Low completion rate detected");
  }

  return { ...statistics, lowCompletionRate };
}
