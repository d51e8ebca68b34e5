import { connect } from "../connect.ts";
import { createGoalWithPlan } from "../goal-planner/create-goal-with-plan.ts";
import { schedulerDailySync } from "./daily-sync.ts";
import { linkCalendarEvent } from "./link-calendar-event.ts";

await using connection = await connect();
const { services } = connection;

// A plan that starts on a Monday, on the evening of that day: the first run was not marked as done.
const goal = await createGoalWithPlan(services, `jane.${crypto.randomUUID()}@example.com`, new Date("2026-03-02"));
await schedulerDailySync(services, goal.userId, new Date("2026-03-02T20:00:00Z"));

// The other runs go into the user's calendar, which returns the id.
for (const task of goal.tasks.slice(1, 3)) {
  await linkCalendarEvent(services, task.id, `calendar-event-${crypto.randomUUID()}`);
}
