import { toCode } from "../code.ts";
import { type Fields, isFields, type KnownRows } from "../known-rows.ts";
import {
  differs,
  differsFromNew,
  type Expectation,
  type Fault,
  type Refusal,
  refused,
  returned,
} from "./expectation.ts";
import { at, type Broken, brokenAt, brokenCreation, brokenId, createdFields, isBroken } from "./input.ts";
import { chosenId, missingRows, refusedInput } from "./rows.ts";
import type { State } from "./state.ts";

/** Creates all tasks or none. They are validated one after the other, so the first invalid one is reported. */
export function createTasks(state: State, list: unknown): Expectation {
  if (!Array.isArray(list)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const broken = list.map((task: unknown, index) => at(String(index), brokenTask(task)));
  const first = broken.find(isBroken);
  const invalid = first && refusedInput(first);
  if (invalid !== undefined) return invalid;
  const tasks: readonly Fields[] = list;
  const refusals = [...takenIds(state, tasks), ...tasks.flatMap((task) => missingRows(state, "task", fieldsOf(task)))];
  if (refusals.length > 0) return refused(...refusals);
  return returned((answer) => differs(answer, { createdCount: tasks.length }) ?? acceptTasks(state, tasks));
}

function brokenTask(task: unknown): Broken {
  const isChosen = isFields(task) && task["id"] !== undefined;
  return brokenCreation("task", task, [], isChosen ? brokenId(task["id"]).certain : []);
}

function takenIds(state: State, tasks: readonly Fields[]): Refusal[] {
  const ids = tasks.flatMap((task) => chosenId(task)?.toLowerCase() ?? []);
  const isTaken = ids.some((id, index) => state.find("task", id) !== undefined || ids.indexOf(id) !== index);
  return isTaken ? [{ code: "conflict", field: "id" }] : [];
}

function fieldsOf(task: Fields): Fields {
  return createdFields("task", task);
}

/** An import does not return its tasks. As other calls return them, they must be new rows with one creation time. */
function acceptTasks(state: State, tasks: readonly Fields[]): Fault {
  const rows = firstSeenTasks(state.known, tasks);
  state.beginTransaction();
  for (const [index, task] of tasks.entries()) {
    const row = rows[index];
    if (row === undefined) return `must create ${toCode(task)}, which no result shows`;
    const fault =
      differsFromNew(row, fieldsOf(task), chosenId(task)?.toLowerCase()) ??
      differs(row["createdAt"], rows[0]?.["createdAt"]);
    if (fault !== undefined) return `the task at ${index} ${fault}`;
    if (state.find("task", row["id"]) !== undefined) return `has the id of another row: ${String(row["id"])}`;
    state.create("task", row);
  }
  return undefined;
}

/** The rows of these tasks as they were first returned, identified by their titles; `undefined` for those never returned. */
export function firstSeenTasks(known: KnownRows, tasks: unknown): (Fields | undefined)[] {
  if (!Array.isArray(tasks)) return [];
  return tasks.map((task: unknown) => {
    const rows = isFields(task) ? known.tasksFirstSeenAs(String(task["title"])) : [];
    return rows.length === 1 ? rows[0] : undefined;
  });
}
