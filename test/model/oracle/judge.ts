import { isFields } from "../known-rows.ts";
import type { Call, Method } from "../operation.ts";
import type { Outcome } from "../outcome.ts";
import { compare, differs, type Expectation, type Fault, refused, returned } from "./expectation.ts";
import { createTasks } from "./imports.ts";
import {
  brokenAt,
  brokenCreation,
  brokenId,
  brokenUnless,
  createdFields,
  isBroken,
  joinBroken,
  NOTHING,
} from "./input.ts";
import { listRows } from "./lists.ts";
import { createRow, deleteRow, getRow, hasAskedVersion, missingRows, refusedInput, updateRow } from "./rows.ts";
import { jsonArray } from "./rules.ts";
import type { State } from "./state.ts";
import { createStructure, getGoalFull } from "./structures.ts";
import { updateTasks } from "./task-changes.ts";
import {
  bulkUpdateState,
  getTaskStatistics,
  getTasksByTimerange,
  linkCalendarEvent,
  streamTasks,
} from "./task-queries.ts";

type Judge = (state: State, first: unknown, second: unknown, third: unknown) => Expectation;

const JUDGES: Readonly<Record<Method, Judge>> = {
  "users.listUsers": (state, request) => listRows(state, "user", request),
  "users.getUser": (state, id) => getRow(state, "user", id),
  "users.createUser": (state, input, options) => createRow(state, "user", input, options),
  "users.updateUser": (state, id, changes, options) => updateRow(state, "user", id, changes, options),
  "users.deleteUser": (state, id, options) => deleteRow(state, "user", id, options),
  "goals.listGoals": (state, request) => listRows(state, "goal", request),
  "goals.getGoal": (state, id) => getRow(state, "goal", id),
  "goals.getGoalFull": getGoalFull,
  "goals.createGoal": (state, input, options) => createRow(state, "goal", input, options),
  "goals.createGoalWithStructure": createStructure,
  "goals.updateGoal": (state, id, changes, options) => updateRow(state, "goal", id, changes, options),
  "goals.deleteGoal": (state, id, options) => deleteRow(state, "goal", id, options),
  "milestones.listMilestones": (state, request) => listRows(state, "milestone", request),
  "milestones.getMilestone": (state, id) => getRow(state, "milestone", id),
  "milestones.createMilestone": (state, input, options) => createRow(state, "milestone", input, options),
  "milestones.updateMilestone": (state, id, changes, options) => updateRow(state, "milestone", id, changes, options),
  "milestones.deleteMilestone": (state, id, options) => deleteRow(state, "milestone", id, options),
  "tasks.listTasks": (state, request) => listRows(state, "task", request),
  "tasks.getTask": (state, id) => getRow(state, "task", id),
  "tasks.createTask": (state, input, options) => createRow(state, "task", input, options),
  "tasks.createTasks": createTasks,
  "tasks.streamTasks": streamTasks,
  "tasks.updateTasks": updateTasks,
  "tasks.updateTask": (state, id, changes, options) => updateRow(state, "task", id, changes, options),
  "tasks.deleteTask": (state, id, options) => deleteRow(state, "task", id, options),
  "tasks.getTasksByTimerange": getTasksByTimerange,
  "tasks.bulkUpdateState": bulkUpdateState,
  "tasks.linkCalendarEvent": linkCalendarEvent,
  "tasks.getTaskStatistics": getTaskStatistics,
  "conversations.listConversations": (state, request) => listRows(state, "conversation", request),
  "conversations.getConversation": (state, id) => getRow(state, "conversation", id),
  "conversations.createConversation": (state, input, options) => createRow(state, "conversation", input, options),
  "conversations.updateConversation": (state, id, changes, options) =>
    updateRow(state, "conversation", id, changes, options),
  "conversations.appendMessages": appendMessages,
  "demoFlags.getDemoFlags": (state, id) => getRow(state, "demoFlags", id),
  "demoFlags.putDemoFlags": putDemoFlags,
  // It leaves nothing behind, as every later read must show.
  "unitsOfWork.abandon": () => returned((answer) => differs(answer, "nothing")),
  "unitsOfWork.alterTable": () => returned((answer) => differs(answer, "nothing")),
};

/**
 * Whether the specification permits this outcome of `call` in this state. If it does, the state then includes the effect of the
 * call; if it does not, the state must not be used any more.
 */
export function judge(state: State, { method, args }: Call, outcome: Outcome): Fault {
  const [first, second, third] = args;
  return compare(JUDGES[method](state, first, second, third), outcome);
}

/** Appends messages to the existing ones. */
function appendMessages(state: State, id: unknown, input: unknown): Expectation {
  const messages = isFields(input) ? input["messages"] : undefined;
  const isRight = jsonArray(messages) && Array.isArray(messages) && messages.length > 0 && messages.length <= 1000;
  const broken = isFields(input) ? brokenUnless(isRight, "messages") : brokenAt("");
  const invalid = refusedInput(brokenId(id), broken);
  if (invalid !== undefined) return invalid;
  const row = state.find("conversation", id);
  if (row === undefined) return refused({ code: "not_found" });
  const before = row.fields["messages"];
  const all: unknown[] = JSON.parse(JSON.stringify([before, messages].flat()));
  return returned((answer) => {
    state.replaceUnseen(row, { ...row.fields, messages: all });
    return differs(answer, { messageCount: all.length });
  });
}

/** Creates or replaces; a `user_id` in the body is optional and must match the path. */
function putDemoFlags(state: State, userId: unknown, flags: unknown, options: unknown): Expectation {
  const broken = brokenCreation("demoFlags", flags, ["userId"]);
  const named = isFields(flags) ? flags["userId"] : undefined;
  const isNamedWrong = named !== undefined && String(named).toLowerCase() !== String(userId).toLowerCase();
  const user = isNamedWrong ? brokenId(named, "userId") : NOTHING;
  // Whether it is the right user may be checked after everything else.
  const match = isNamedWrong && !isBroken(user) && !isBroken(broken) ? brokenAt("userId") : NOTHING;
  const invalid = refusedInput(brokenId(userId, "userId"), joinBroken(broken, user), match);
  if (invalid !== undefined || !isFields(flags)) return invalid ?? refused();
  const row = state.find("demoFlags", userId);
  const fields = { userId: String(userId).toLowerCase(), ...createdFields("demoFlags", flags, ["userId"]) };
  const missing = missingRows(state, "demoFlags", fields);
  const mismatch = hasAskedVersion(row, options) ? [] : [{ code: "version_mismatch" } as const];
  if (missing.length + mismatch.length > 0) return refused(...mismatch, ...missing);
  return returned((answer) => {
    if (!isFields(answer)) return "must return the flags";
    // JSON has no -0.
    const speed = (value: unknown) => (typeof value === "number" ? value + 0 : value);
    const plain = (row: typeof answer) => ({ ...row, escalationSpeed: speed(row["escalationSpeed"]) });
    const fault = differs(plain(answer), plain(fields));
    if (fault !== undefined) return fault;
    if (row === undefined) state.create("demoFlags", answer);
    else state.replace(row, answer);
    return undefined;
  });
}
