import { type Fields, isFields } from "../known-rows.ts";
import { calendarEventId, ENTITIES, STATES } from "./entities.ts";
import { differs, type Expectation, refused, returned } from "./expectation.ts";
import { type Broken, brokenAt, brokenId, brokenUnless, isBroken, joinBroken } from "./input.ts";
import { brokenFilter, differsFromRows, newestFirst, rowsOf } from "./lists.ts";
import { refusedInput, updateRow } from "./rows.ts";
import { instant, type Rule, uuid } from "./rules.ts";
import { byId, instantOf, type Row, type State } from "./state.ts";

/** A user and two instants, nothing else; a start after its end is a validation error. */
function brokenRange(request: Fields, start: string, end: string): Broken {
  const rules: Readonly<Record<string, Rule>> = { userId: uuid, [start]: instant, [end]: instant };
  const names = new Set([...Object.keys(rules), ...Object.keys(request)]);
  const fields = joinBroken(...[...names].map((name) => brokenUnless(rules[name]?.(request[name]) ?? false, name)));
  const [from, to] = [request[start], request[end]];
  const isBackwards = from instanceof Date && to instanceof Date && from.getTime() > to.getTime();
  if (!isBackwards) return fields;
  return isBroken(fields) ? { certain: fields.certain, possible: [end] } : brokenAt(end);
}

function tasksOf(state: State, userId: unknown, field: string, from: unknown, to: unknown): Row[] {
  const isIn = (row: Row) => instantOf(row, field) >= Number(from) && instantOf(row, field) <= Number(to);
  return state.rows("task").filter((row) => row.fields["userId"] === String(userId).toLowerCase() && isIn(row));
}

/** All tasks that the filter selects, newest first; paging parameters are not part of it. */
export function streamTasks(state: State, filter: unknown): Expectation {
  const asked = filter === undefined ? {} : filter;
  if (!isFields(asked)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const given = Object.entries(asked).filter(([, value]) => value !== undefined);
  const invalid = refusedInput(joinBroken(...given.map(([name, value]) => brokenFilter("task", name, value))));
  if (invalid !== undefined) return invalid;
  const rows = rowsOf(state, "task", asked);
  return returned((answer) => differsFromRows(state, answer, rows, rows, newestFirst(state)));
}

/** `start_time` within the range, both ends included, ordered by it, then by id. */
export function getTasksByTimerange(state: State, request: unknown): Expectation {
  if (!isFields(request)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const { userId, startTime, endTime } = request;
  const invalid = refusedInput(brokenRange(request, "startTime", "endTime"));
  if (invalid !== undefined) return invalid;
  const byStart = (a: Row, b: Row) => instantOf(a, "startTime") - instantOf(b, "startTime") || byId(a, b);
  const tasks = tasksOf(state, userId, "startTime", startTime, endTime).sort(byStart);
  return returned((answer) => differsFromRows(state, answer, tasks, tasks, byStart));
}

/** Tasks by creation time, both ends included. */
export function getTaskStatistics(state: State, request: unknown): Expectation {
  if (!isFields(request)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const { userId, startDate, endDate } = request;
  const invalid = refusedInput(brokenRange(request, "startDate", "endDate"));
  if (invalid !== undefined) return invalid;
  const tasks = tasksOf(state, userId, "createdAt", startDate, endDate);
  const count = (name: string) => tasks.filter(({ fields }) => fields["state"] === name).length;
  const rate = tasks.length === 0 ? 0 : count("completed") / tasks.length;
  const statistics = {
    userId: String(userId).toLowerCase(),
    totalTasks: tasks.length,
    byState: Object.fromEntries(STATES.map((name) => [name, count(name)])),
    completionRate: Math.round(rate * 10_000) / 10_000,
  };
  return returned((answer) => differs(answer, statistics));
}

/** 1 to 1000 ids; duplicates count once, ids that do not exist are skipped. */
export function bulkUpdateState(state: State, request: unknown): Expectation {
  if (!isFields(request)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const { taskIds, newState } = request;
  const isState = ENTITIES.task.fields["state"]?.rule(newState) ?? false;
  const broken = joinBroken(brokenTaskIds(taskIds), brokenUnless(isState, "newState"));
  // A list that is too long is rejected before its members are validated.
  const isLong = Array.isArray(taskIds) && taskIds.length > 1000;
  const invalid = isLong ? refusedInput(brokenAt("taskIds")) : refusedInput(broken);
  if (invalid !== undefined || !Array.isArray(taskIds)) return invalid ?? refused();
  const ids = new Set(taskIds.map((id: unknown) => String(id).toLowerCase()));
  return returned((answer) => {
    const tasks = [...ids].flatMap((id) => state.find("task", id) ?? []);
    const fault = differs(answer, { updatedCount: tasks.length });
    if (fault !== undefined) return fault;
    for (const task of tasks) state.replace(task, { ...task.fields, state: newState });
    return undefined;
  });
}

function brokenTaskIds(taskIds: unknown): Broken {
  if (!Array.isArray(taskIds) || taskIds.length === 0) return brokenAt("taskIds");
  return joinBroken(...taskIds.map((id: unknown, index) => brokenId(id, `taskIds.${index}`)));
}

/** An update of one required field; `null` unlinks. */
export function linkCalendarEvent(state: State, id: unknown, link: unknown, options: unknown): Expectation {
  if (!isFields(link)) return updateRow(state, "task", id, link, options, brokenAt(""));
  const { calendarEventId: event } = link;
  const broken = brokenUnless(event === null || calendarEventId(event), "calendarEventId");
  return updateRow(state, "task", id, { calendarEventId: event }, options, broken);
}
