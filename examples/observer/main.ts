import { connect } from "../connect.ts";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";
import { analyzeUserPatterns } from "./analyze-user-patterns.ts";
import { countCompletions } from "./count-completions.ts";

await using connection = await connect();
const { services } = connection;

// A plan that began five weeks ago: four weeks are done, the fifth is missed, the rest is still to come.
const startDate = new Date();
startDate.setUTCDate(startDate.getUTCDate() - 5 * 7);
const goal = await createGoalWithPlan(services, `jane.${crypto.randomUUID()}@example.com`, startDate);
const taskIds = goal.tasks.map((task) => task.id);

// What was written before does not concern the follower.
const { nextCursor } = await services.changes.listChanges({ cursor: "now" });
const completions = countCompletions(services, goal.userId, nextCursor);
await services.tasks.bulkUpdateState({ taskIds: taskIds.slice(0, 12), newState: "completed" });
await services.tasks.bulkUpdateState({ taskIds: taskIds.slice(12, 15), newState: "missed" });
for await (const count of completions) {
  if (count % 4 === 0) console.log(`${count} tasks completed`);
  if (count === 12) break;
}

await analyzeUserPatterns(services, goal.userId);
