import type { Method } from "./operation.ts";
import type { Tally } from "./tally.ts";

const read = ["ok", "validation_failed"];
const get = [...read, "not_found"];
const write = [...get, "version_mismatch"];
const create = [...read, "conflict id"];
const missing = (...fields: readonly string[]) => fields.map((field) => `related_row_missing ${field}`);

/** Every documented outcome of a call, except those of an unreachable database. */
const DOCUMENTED: Readonly<Record<Method, readonly string[]>> = {
  "users.listUsers": read,
  "users.getUser": get,
  "users.createUser": [...create, "conflict email"],
  "users.updateUser": [...write, "conflict email"],
  "users.deleteUser": write,
  "goals.listGoals": read,
  "goals.getGoal": get,
  "goals.getGoalFull": get,
  "goals.createGoal": [...create, ...missing("userId")],
  "goals.createGoalWithStructure": [...create, ...missing("userId")],
  "goals.updateGoal": write,
  "goals.deleteGoal": write,
  "milestones.listMilestones": read,
  "milestones.getMilestone": get,
  "milestones.createMilestone": [...create, ...missing("goalId")],
  "milestones.updateMilestone": write,
  "milestones.deleteMilestone": write,
  "tasks.listTasks": read,
  "tasks.getTask": get,
  "tasks.createTask": [...create, ...missing("userId", "goalId", "milestoneId")],
  "tasks.createTasks": [...create, ...missing("userId", "goalId", "milestoneId")],
  "tasks.streamTasks": read,
  "tasks.updateTasks": [...read, ...missing("milestoneId")],
  "tasks.updateTask": [...write, ...missing("milestoneId")],
  "tasks.deleteTask": write,
  "tasks.getTasksByTimerange": read,
  "tasks.bulkUpdateState": read,
  "tasks.linkCalendarEvent": write,
  "tasks.getTaskStatistics": read,
  "conversations.listConversations": read,
  "conversations.getConversation": get,
  "conversations.createConversation": [...create, ...missing("userId", "goalId")],
  "conversations.updateConversation": write,
  "conversations.appendMessages": get,
  "demoFlags.getDemoFlags": get,
  "unitsOfWork.abandon": ["ok"],
  "unitsOfWork.alterTable": ["ok"],
  "demoFlags.putDemoFlags": [...read, "version_mismatch", ...missing("userId")],
};

/** The documented outcomes that did not occur in a run, so that it proves nothing about them. */
export function neverReached(tally: Tally): string[] {
  return Object.entries(DOCUMENTED).flatMap(([method, labels]) =>
    labels.filter((label) => tally.count(method, label) === 0).map((label) => `${method}: ${label}`),
  );
}
