import { createDaoServices, type DatabaseSession } from "@flux/dao-core";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";

/** Creates data for the job: a plan that began five weeks ago, all of whose past runs have drifted. */
export async function createAbandonedPlan(session: DatabaseSession): Promise<void> {
  const services = createDaoServices(session);
  const startDate = new Date();
  startDate.setUTCDate(startDate.getUTCDate() - 5 * 7);
  const email = `jane.${crypto.randomUUID()}@example.com`;
  const goal = await createGoalWithPlan(services, email, startDate);

  const now = new Date();
  const over = goal.tasks.filter((task) => task.endTime !== null && task.endTime < now);
  await services.tasks.bulkUpdateState({ taskIds: over.map((task) => task.id), newState: "drifted" });
}
