import { toCode } from "../code.ts";
import { type Fields, isFields } from "../known-rows.ts";
import {
  differs,
  differsFromNew,
  differsFromRow,
  type Expectation,
  type Fault,
  refused,
  returned,
} from "./expectation.ts";
import { at, type Broken, brokenAt, brokenCreation, brokenId, createdFields, joinBroken, NOTHING } from "./input.ts";
import { differsFromRows } from "./lists.ts";
import { chosenId, missingRows, refusedInput, takenId } from "./rows.ts";
import { instantOf, type Row, type State } from "./state.ts";

/** The fields that a task within a structure does not have: its owners. */
const TASK_OWNERS = ["userId", "goalId", "milestoneId"];

/** A list may be omitted. */
function brokenList(input: Fields, name: string, brokenMember: (member: unknown) => Broken): Broken {
  const list = input[name];
  if (list === undefined) return NOTHING;
  if (!Array.isArray(list)) return brokenAt(name);
  return joinBroken(...list.map((member: unknown, index) => at(`${name}.${index}`, brokenMember(member))));
}

function brokenMilestone(milestone: unknown): Broken {
  const broken = brokenCreation("milestone", milestone, ["goalId"]);
  if (!isFields(milestone)) return broken;
  return joinBroken(
    broken,
    brokenList(milestone, "tasks", (task) => brokenCreation("task", task, TASK_OWNERS)),
  );
}

export function createStructure(state: State, input: unknown, options: unknown): Expectation {
  if (!isFields(input)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const chosen = chosenId(options);
  const broken = joinBroken(
    at("goal", brokenCreation("goal", input["goal"])),
    brokenList(input, "milestones", brokenMilestone),
  );
  const invalid = refusedInput(broken, chosen === undefined ? NOTHING : brokenId(chosen));
  const { goal: goalInput } = input;
  if (invalid !== undefined || !isFields(goalInput)) return invalid ?? refused();
  const goal = createdFields("goal", goalInput);
  const refusals = [...takenId(state, "goal", chosen), ...missingRows(state, "goal", goal)];
  if (refusals.length > 0) return refused(...refusals);
  const milestones = membersOf(input, "milestones");
  return returned((answer) => acceptStructure(state, goal, milestones, chosen?.toLowerCase(), answer));
}

/** Two flat lists of whole DTOs in the order of the request, all with the same creation time. */
function acceptStructure(
  state: State,
  goal: Fields,
  milestoneInputs: readonly Fields[],
  chosen: string | undefined,
  answer: unknown,
): Fault {
  if (!isFields(answer)) return `must return a structure, not ${toCode(answer)}`;
  const { milestones, tasks, ...row } = answer;
  const goalFault = differsFromNew(row, goal, chosen);
  if (goalFault !== undefined) return goalFault;
  const owners = { userId: goal["userId"], goalId: row["id"] };
  const milestoneFault = differsFromAllNew(
    milestones,
    milestoneInputs.map((input) => createdFields("milestone", { ...input, ...owners })),
    row,
  );
  if (milestoneFault !== undefined || !Array.isArray(milestones)) return `milestones: ${milestoneFault}`;
  const ids = milestones.map((milestone: Fields) => milestone["id"]);
  const taskFault = differsFromAllNew(
    tasks,
    milestoneInputs.flatMap((milestone, index) =>
      membersOf(milestone, "tasks").map((task) =>
        createdFields("task", { ...task, ...owners, milestoneId: ids[index] }),
      ),
    ),
    row,
  );
  if (taskFault !== undefined || !Array.isArray(tasks)) return `tasks: ${taskFault}`;
  state.beginTransaction();
  for (const [kind, rows] of [
    ["goal", [row]],
    ["milestone", milestones],
    ["task", tasks],
  ] as const) {
    for (const created of rows) {
      if (state.find(kind, created.id) !== undefined) return `has the id of another row: ${created.id}`;
      state.create(kind, created);
    }
  }
  return undefined;
}

function differsFromAllNew(answer: unknown, expected: readonly Fields[], goal: Fields): Fault {
  if (!Array.isArray(answer) || answer.length !== expected.length) {
    return `must return ${expected.length} rows, not ${toCode(answer)}`;
  }
  for (const [index, fields] of expected.entries()) {
    const row: unknown = answer[index];
    const fault =
      differsFromNew(row, fields, undefined) ?? differs(isFields(row) && row["createdAt"], goal["createdAt"]);
    if (fault !== undefined) return `the row at ${index} ${fault}`;
  }
  return undefined;
}

function membersOf(input: Fields, name: string): Fields[] {
  const list = input[name];
  return Array.isArray(list) ? list.filter(isFields) : [];
}

/** Milestones by `week_number`, then age; tasks by `start_time` (null last), then age. */
export function getGoalFull(state: State, id: unknown): Expectation {
  const invalid = refusedInput(brokenId(id));
  if (invalid !== undefined) return invalid;
  const goal = state.find("goal", id);
  if (goal === undefined) return refused({ code: "not_found" });
  const ofGoal = (row: Row) => row.fields["goalId"] === goal.id;
  const byWeek = (a: Row, b: Row) =>
    Number(a.fields["weekNumber"]) - Number(b.fields["weekNumber"]) || state.byAge(a, b);
  const byStart = (a: Row, b: Row) => instantOf(a, "startTime") - instantOf(b, "startTime") || state.byAge(a, b);
  const milestones = state.rows("milestone").filter(ofGoal).sort(byWeek);
  const tasks = state.rows("task").filter(ofGoal).sort(byStart);
  return returned((answer) => {
    if (!isFields(answer)) return `must return a goal, not ${toCode(answer)}`;
    const { milestones: returnedMilestones, tasks: returnedTasks, ...row } = answer;
    return (
      differsFromRow(state, row, goal) ??
      differsFromRows(state, returnedMilestones, milestones, milestones, byWeek) ??
      differsFromRows(state, returnedTasks, tasks, tasks, byStart)
    );
  });
}
