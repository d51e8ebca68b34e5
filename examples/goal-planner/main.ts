import { connect } from "../connect.ts";
import { createGoalWithPlan } from "./create-goal-with-plan.ts";

await using connection = await connect();

const goal = await createGoalWithPlan(connection.services, `jane.${crypto.randomUUID()}@example.com`, new Date());

for (const task of goal.tasks) {
  console.log(`  ${task.startTime?.toUTCString()}: ${task.title}`);
}
