import { connect } from "../connect.ts";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";
import { analyzeUserPatterns } from "./analyze-user-patterns.ts";

await using connection = await connect();
const { services } = connection;

// A plan that began five weeks ago: four weeks are done, the fifth is missed, the rest is still to come.
const startDate = new Date();
startDate.setUTCDate(startDate.getUTCDate() - 5 * 7);
const goal = await createGoalWithPlan(services, `jane.${crypto.randomUUID()}@example.com`, startDate);
const taskIds = goal.tasks.map((task) => task.id);
await services.tasks.bulkUpdateState({ taskIds: taskIds.slice(0, 12), newState: "completed" });
await services.tasks.bulkUpdateState({ taskIds: taskIds.slice(12, 15), newState: "missed" });

await analyzeUserPatterns(services, goal.userId);
