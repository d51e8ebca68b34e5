import { KINDS, type Kind, type KnownRows } from "./known-rows.ts";
import { type Method, type Operation, op } from "./operation.ts";

const GETS: Readonly<Record<Kind, Method>> = {
  user: "users.getUser",
  goal: "goals.getGoal",
  milestone: "milestones.getMilestone",
  task: "tasks.getTask",
  conversation: "conversations.getConversation",
  demoFlags: "demoFlags.getDemoFlags",
};

/** How many deleted rows of each kind are read. */
const MAX_GONE = 3;

/** Reads all rows, and some deleted ones: the final state must be the one that the results imply. */
export function lastLook(known: KnownRows): Operation[] {
  const gone = KINDS.flatMap((kind) => {
    const ids = known.ids(kind, "gone").slice(-MAX_GONE);
    return ids.map((id) => op(GETS[kind], id));
  });
  return [
    op("users.listUsers"),
    op("goals.listGoals"),
    op("milestones.listMilestones"),
    op("tasks.listTasks"),
    op("conversations.listConversations"),
    // There is no list of demo flags.
    ...known.ids("user", "live").map((id) => op("demoFlags.getDemoFlags", id)),
    ...known.ids("goal", "live").map((id) => op("goals.getGoalFull", id)),
    ...gone,
  ];
}
