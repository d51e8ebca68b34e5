import type { KnownRows } from "./known-rows.ts";
import { type Operation, op } from "./operation.ts";
import { live } from "./reference.ts";

/** Reads all rows, each list to its end: what a sequence leaves must be what its answers said. */
export function lastLook(known: KnownRows): Operation[] {
  return [
    op("users.listUsers"),
    op("goals.listGoals"),
    op("milestones.listMilestones"),
    op("tasks.listTasks"),
    op("conversations.listConversations"),
    // Flags have no list.
    ...known.ids("user", "live").map((_, pick) => op("demoFlags.getDemoFlags", live("user", pick))),
    ...known.ids("goal", "live").map((_, pick) => op("goals.getGoalFull", live("goal", pick))),
  ];
}
