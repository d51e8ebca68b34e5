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

/** So many deleted rows of a kind are looked for. */
const MAX_GONE = 3;

/** Reads all rows, and some that must be gone: what a sequence leaves must be what its answers said. */
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
    // Flags have no list.
    ...known.ids("user", "live").map((id) => op("demoFlags.getDemoFlags", id)),
    ...known.ids("goal", "live").map((id) => op("goals.getGoalFull", id)),
    ...gone,
  ];
}
