import type { DaoServices, GoalWithRelationsDto } from "@flux/dao-core";
import plan from "./couch-to-5k.json" with { type: "json" };

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/**
 * Goal Planner: creates a user, then the goal with its 9 milestones and 27 tasks, all of them or none.
 *
 * Runs are on Mondays, Wednesdays and Fridays at 07:00 UTC, from the first Monday on or after `startDate`.
 */
export async function createGoalWithPlan(
  services: DaoServices,
  userEmail: string,
  startDate: Date,
): Promise<GoalWithRelationsDto> {
  // Step 1: Create a user
  const user = await services.users.createUser({
    name: "Jane Doe",
    email: userEmail,
    preferences: { timezone: "UTC" },
  });
  console.log(`Created user: ${user.id}`);

  // Step 2: Create the goal with its full structure (atomic)
  const firstRun = firstMonday(startDate).getTime();
  const goal = await services.goals.createGoalWithStructure({
    goal: { userId: user.id, title: plan.title, category: "health", timeline: `${plan.weeks.length} weeks` },
    milestones: plan.weeks.map(({ week, title, runs }) => ({
      weekNumber: week,
      title,
      tasks: runs.map((run, index) => {
        // A day of rest after each run: Monday, Wednesday, Friday.
        const start = firstRun + ((week - 1) * 7 + index * 2) * DAY;
        const minutes = run.minutes.reduce((sum, interval) => sum + interval, 0);
        return { title: run.title, startTime: new Date(start), endTime: new Date(start + minutes * MINUTE) };
      }),
    })),
  });

  console.log(`Created goal: ${goal.id}`);
  console.log(`  Milestones: ${goal.milestones.length}`);
  console.log(`  Tasks: ${goal.tasks.length}`);

  return goal;
}

function firstMonday(startDate: Date): Date {
  const monday = new Date(startDate);
  monday.setUTCDate(monday.getUTCDate() + ((8 - monday.getUTCDay()) % 7));
  monday.setUTCHours(7, 0, 0, 0);
  return monday;
}
