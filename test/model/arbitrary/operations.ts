import fc from "fast-check";
import type { Kind } from "../known-rows.ts";
import { type Method, Operation } from "../operation.ts";
import { never, newTitle } from "../reference.ts";
import { ENDINGS } from "../units-of-work.ts";
import * as value from "./values.ts";

type Value = fc.Arbitrary<unknown>;

/** One in this many inputs is not an object, or lacks a required field. */
const BROKEN = 100;

/** An object with `required` fields, of which rarely one is missing, and some of the `optional` ones. */
function fields(required: Readonly<Record<string, Value>>, optional: Readonly<Record<string, Value>>): Value {
  const model: Record<string, Value> = { ...required, ...optional };
  const ignored: Record<string, Value> = { unknown: fc.constant("is ignored"), id: fc.constant(7) };
  const requiredKeys = Object.keys(required);
  return fc.oneof(
    { weight: BROKEN, arbitrary: fc.record(model, { requiredKeys, noNullPrototype: true }) },
    { weight: 8, arbitrary: fc.record({ ...ignored, ...model }, { requiredKeys, noNullPrototype: true }) },
    { weight: 1, arbitrary: fc.record(model, { requiredKeys: [], noNullPrototype: true }) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, undefined, "text", 7, []) },
  );
}

const optionalTask = {
  startTime: value.nullable(value.instant),
  endTime: value.nullable(value.instant),
  state: value.state,
  priority: value.priority,
  triggerType: value.triggerType,
  isRecurring: value.boolean,
  calendarEventId: value.nullable(value.calendarEvent),
};
const milestoneId = value.nullable(value.rowId("milestone"));
const optionalGoal = {
  category: value.nullable(value.category),
  timeline: value.nullable(value.text(["8 weeks"], 0, 2_000)),
  status: value.status,
};
const owners = { userId: value.rowId("user"), goalId: value.rowId("goal") };

const newGoal = fields({ userId: owners.userId, title: value.title }, optionalGoal);

const list = (member: Value, maxLength: number): Value => value.mostly(fc.array(member, { maxLength }), null, {}, "[]");
const structure = fields(
  { goal: newGoal },
  {
    milestones: list(
      fields(
        { weekNumber: value.weekNumber, title: value.title },
        { status: value.status, tasks: list(fields({ title: value.title }, optionalTask), 3) },
      ),
      3,
    ),
  },
);

const create = (method: Method, kind: Kind, input: Value) => operation(method, input, value.createOptions(kind));
const get = (method: Method, kind: Kind) => operation(method, value.rowId(kind));

/** A write on one row, whose options may ask for a version of it. */
function write(method: Method, kind: Kind, ...input: readonly Value[]): fc.Arbitrary<Operation> {
  return value
    .rowId(kind === "demoFlags" ? "user" : kind)
    .chain((id) => operation(method, fc.constant(id), ...input, value.writeOptions(kind, id)));
}

function operation(method: Method, ...args: readonly Value[]): fc.Arbitrary<Operation> {
  return fc.tuple(...args).map((all) => {
    // Without options the argument is omitted.
    const isGiven = all.at(-1) !== undefined || all.length === 1;
    return new Operation(method, isGiven ? all : all.slice(0, -1));
  });
}

const page = value.mostly(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }) },
    { weight: 1, arbitrary: fc.constant(Number.MAX_SAFE_INTEGER) },
  ),
  0,
  -1,
  1.5,
  "1",
);
const size = value.mostly(
  fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) }, { weight: 1, arbitrary: fc.constant(100) }),
  ...[0, 101, 2.5, null],
);
const skip = value.mostly(
  fc.oneof(
    { weight: 6, arbitrary: fc.nat({ max: 3 }) },
    { weight: 1, arbitrary: fc.constant(Number.MAX_SAFE_INTEGER) },
  ),
  ...[-1, "0", 0.5],
);

const count = value.mostly(fc.constantFrom("exact", "estimated", "none"), "planned", null, true);

/** A list request with any filters, in one of the three styles of paging, rarely in several. */
function lists(method: Method, kind: Kind, filters: Readonly<Record<string, Value>>): fc.Arbitrary<Operation> {
  const cursor = value.cursorOf(kind);
  const several = ([name, filter]: [string, Value]): [string, Value] => [
    name,
    fc.oneof({ weight: 5, arbitrary: filter }, fc.array(filter, { minLength: 1, maxLength: 3 }), fc.constant(null)),
  ];
  filters = Object.fromEntries(Object.entries(filters).map(several));
  const request = (paging: Readonly<Record<string, Value>>) =>
    fc.record({ ...paging, ...filters }, { requiredKeys: [] });
  // With many filters hardly any row is selected.
  const one = Object.entries(filters).map(([name, filter]) => fc.record({ [name]: filter }));
  const asked = fc.oneof(
    { weight: 30, arbitrary: fc.constant(undefined) },
    { weight: 40, arbitrary: fc.record({ page, pageSize: size, count }, { requiredKeys: ["pageSize"] }) },
    { weight: 40, arbitrary: fc.record({ skip, limit: size, count }, { requiredKeys: ["limit"] }) },
    { weight: 60, arbitrary: fc.record({ cursor, pageSize: size, count }, { requiredKeys: ["cursor"] }) },
    { weight: 60, arbitrary: fc.oneof(...one) },
    { weight: 20, arbitrary: request({ page, pageSize: size }) },
    { weight: 20, arbitrary: request({ skip, limit: size }) },
    { weight: 20, arbitrary: request({ cursor, limit: size, count }) },
    {
      weight: 2,
      arbitrary: fc.record({ page, pageSize: size, skip, limit: size }, { requiredKeys: ["page", "limit"] }),
    },
    { weight: 2, arbitrary: fc.record({ cursor, page, skip, limit: size }, { requiredKeys: ["cursor", "page"] }) },
    { weight: 1, arbitrary: fc.record({ unknown: fc.constant("x") }) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
  return operation(method, asked);
}

/** A user and a range, which rarely ends before it starts. */
const range = (start: string, end: string, bound: Value): Value => {
  const backwards = fc.oneof({ weight: 20, arbitrary: fc.constant(false) }, fc.constant(true));
  return fc.tuple(value.rowId("user"), bound, bound, backwards).map(([userId, from, to, isBackwards]) => {
    const isOrdered = !(from instanceof Date && to instanceof Date) || from <= to;
    const [first, last] = isOrdered === isBackwards ? [to, from] : [from, to];
    return { userId, [start]: first, [end]: last };
  });
};

const taskIds = value.mostly(
  fc.array(value.rowId("task"), { minLength: 1, maxLength: 5 }),
  ...[[], null, {}, "id", Array.from({ length: 1_001 }, () => "c0ffee00-0000-4000-8000-000000000001")],
);
const bulkUpdate = fields({ taskIds, newState: value.state }, {});

/** A task among several: rarely with an end before its start, since that would refuse them all. */
const taskOfSeveral = {
  ...optionalTask,
  endTime: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, optionalTask.endTime),
};

/** Tasks that are created together, rarely with an invalid one among them. */
const newTasks = value.mostly(
  fc.array(
    value.mostly(
      fields(
        { ...owners, title: value.mostly(fc.constant(newTitle()), ...value.brokenTitles) },
        { milestoneId, ...taskOfSeveral, id: value.chosenId("task") },
      ),
      ...[null, 7, "task", []],
    ),
    { maxLength: 4 },
  ),
  ...[null, {}, 7],
);

/** Few, so that the same task is rarely changed twice. */
const updates = value.mostly(
  fc.array(fields({ id: value.rowId("task") }, { ...taskOfSeveral, title: value.title, milestoneId }), {
    minLength: 1,
    maxLength: 4,
  }),
  ...[[], null, {}, "id", Array.from({ length: 1_001 }, () => ({ id: "c0ffee00-0000-4000-8000-000000000001" }))],
);

const newUser = fields(
  { name: value.text(["Ada", "José Núñez"], 1, 255), email: value.email },
  { preferences: value.preferences, demoMode: value.boolean },
);
const newMilestone = fields(
  { goalId: owners.goalId, weekNumber: value.weekNumber, title: value.title },
  { status: value.status },
);
const newTask = fields({ ...owners, title: value.title }, { milestoneId, ...optionalTask });
const newConversation = fields(
  { userId: owners.userId },
  { goalId: value.nullable(owners.goalId), messages: value.messages, status: value.status },
);

/** Changes: any of the fields, rarely owners, which are ignored. */
const changes = (optional: Readonly<Record<string, Value>>) => fields({}, optional);
const userChanges = changes({
  name: value.text(["Ada", "Grace"], 1, 255),
  email: value.email,
  preferences: value.preferences,
  demoMode: value.boolean,
});
const goalChanges = changes({ ...optionalGoal, title: value.title, userId: owners.userId });
const milestoneChanges = changes({ weekNumber: value.weekNumber, title: value.title, status: value.status });
const taskChanges = changes({ ...optionalTask, title: value.title, milestoneId, goalId: owners.goalId });
const conversationChanges = changes({ messages: value.messages, status: value.status });
const link = fields({ calendarEventId: value.nullable(value.calendarEvent) }, {});
const append = fc
  .tuple(value.rowId("conversation"), fields({ messages: value.appended }, {}))
  .map((args) => new Operation("conversations.appendMessages", args));
const flags = changes({
  virtualNow: value.nullable(value.instant),
  escalationSpeed: value.speed,
});
const ownFlags = (id: unknown) => fc.record({ userId: fc.constant(id), escalationSpeed: value.speed });

const filters = { status: value.status, userId: owners.userId, goalId: owners.goalId };
const { isRecurring, state, priority, triggerType } = optionalTask;
const taskFilters = {
  userId: owners.userId,
  goalId: owners.goalId,
  milestoneId: value.rowId("milestone"),
  calendarEventId: value.calendarEvent,
  ...{ isRecurring, state, priority, triggerType },
};

/** A stream request: paging parameters are not part of it. */
const filter = fc.oneof(
  { weight: 10, arbitrary: fc.constant(undefined) },
  { weight: 40, arbitrary: fc.oneof(...Object.entries(taskFilters).map(([name, one]) => fc.record({ [name]: one }))) },
  { weight: 10, arbitrary: fc.record(taskFilters, { requiredKeys: [] }) },
  { weight: 1, arbitrary: fc.constantFrom<unknown>({ page: 1 }, { cursor: "c" }, { count: "none" }, null, 7, []) },
);

const putFlags = write("demoFlags.putDemoFlags", "demoFlags", flags);
const putOwnFlags = value
  .rowId("user")
  .chain((id) => operation("demoFlags.putDemoFlags", fc.constant(id), fc.oneof(ownFlags(id), ownFlags(never(1)))));

/** All calls, weighted by use: creating rows is more frequent than deleting many at once. */
const anyCall: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: create("users.createUser", "user", newUser) },
  { weight: 2, arbitrary: get("users.getUser", "user") },
  { weight: 5, arbitrary: write("users.updateUser", "user", userChanges) },
  { weight: 3, arbitrary: lists("users.listUsers", "user", { email: value.anAddress }) },
  { weight: 2, arbitrary: write("users.deleteUser", "user") },
  { weight: 5, arbitrary: create("goals.createGoal", "goal", newGoal) },
  { weight: 3, arbitrary: create("goals.createGoalWithStructure", "goal", structure) },
  { weight: 2, arbitrary: get("goals.getGoal", "goal") },
  { weight: 4, arbitrary: get("goals.getGoalFull", "goal") },
  { weight: 4, arbitrary: write("goals.updateGoal", "goal", goalChanges) },
  {
    weight: 3,
    arbitrary: lists("goals.listGoals", "goal", {
      userId: filters.userId,
      status: filters.status,
      category: value.category,
    }),
  },
  { weight: 2, arbitrary: write("goals.deleteGoal", "goal") },
  { weight: 5, arbitrary: create("milestones.createMilestone", "milestone", newMilestone) },
  { weight: 2, arbitrary: get("milestones.getMilestone", "milestone") },
  { weight: 4, arbitrary: write("milestones.updateMilestone", "milestone", milestoneChanges) },
  {
    weight: 3,
    arbitrary: lists("milestones.listMilestones", "milestone", { goalId: filters.goalId, status: filters.status }),
  },
  { weight: 2, arbitrary: write("milestones.deleteMilestone", "milestone") },
  { weight: 10, arbitrary: create("tasks.createTask", "task", newTask) },
  { weight: 4, arbitrary: operation("tasks.createTasks", newTasks) },
  { weight: 3, arbitrary: operation("tasks.streamTasks", filter) },
  { weight: 5, arbitrary: operation("tasks.updateTasks", fields({ updates }, {})) },
  { weight: 2, arbitrary: get("tasks.getTask", "task") },
  { weight: 6, arbitrary: write("tasks.updateTask", "task", taskChanges) },
  { weight: 8, arbitrary: lists("tasks.listTasks", "task", taskFilters) },
  { weight: 2, arbitrary: write("tasks.deleteTask", "task") },
  { weight: 6, arbitrary: operation("tasks.getTasksByTimerange", range("startTime", "endTime", value.instant)) },
  { weight: 4, arbitrary: operation("tasks.bulkUpdateState", bulkUpdate) },
  { weight: 3, arbitrary: write("tasks.linkCalendarEvent", "task", link) },
  { weight: 4, arbitrary: operation("tasks.getTaskStatistics", range("startDate", "endDate", value.createdAround)) },
  { weight: 4, arbitrary: create("conversations.createConversation", "conversation", newConversation) },
  { weight: 3, arbitrary: get("conversations.getConversation", "conversation") },
  { weight: 3, arbitrary: write("conversations.updateConversation", "conversation", conversationChanges) },
  { weight: 5, arbitrary: append },
  { weight: 3, arbitrary: lists("conversations.listConversations", "conversation", filters) },
  { weight: 3, arbitrary: get("demoFlags.getDemoFlags", "user") },
  { weight: 5, arbitrary: putFlags },
  { weight: 1, arbitrary: putOwnFlags },
);

/** Calls in a unit of work that ends while they are running. Rarely by its deadline, which takes long. */
const abandoned = operation(
  "unitsOfWork.abandon",
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("fails beside it", "forgets it") },
    { weight: 1, arbitrary: fc.constantFrom(...ENDINGS) },
  ),
  fc.array(anyCall, { minLength: 1, maxLength: 3 }),
);

/** DDL of another session: statements that were prepared before are refused from then on. */
const altered = operation(
  "unitsOfWork.alterTable",
  fc.constantFrom("goals.category", "milestones.status", "tasks.calendar_event_id"),
  fc.constantFrom("text", "varchar"),
);

export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 80, arbitrary: anyCall },
  { weight: 2, arbitrary: abandoned },
  { weight: 1, arbitrary: altered },
);

/** The calls that conflict most on the same rows, among all others. */
export const contendedOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 16, arbitrary: anyOperation },
  { weight: 6, arbitrary: write("users.updateUser", "user", userChanges) },
  { weight: 1, arbitrary: write("users.deleteUser", "user") },
  { weight: 1, arbitrary: write("goals.deleteGoal", "goal") },
  { weight: 2, arbitrary: get("goals.getGoalFull", "goal") },
  { weight: 1, arbitrary: write("milestones.deleteMilestone", "milestone") },
  { weight: 4, arbitrary: create("tasks.createTask", "task", newTask) },
  { weight: 5, arbitrary: write("tasks.updateTask", "task", taskChanges) },
  { weight: 2, arbitrary: operation("tasks.createTasks", newTasks) },
  { weight: 4, arbitrary: operation("tasks.updateTasks", fields({ updates }, {})) },
  { weight: 3, arbitrary: operation("tasks.bulkUpdateState", bulkUpdate) },
  { weight: 5, arbitrary: append },
  { weight: 2, arbitrary: get("conversations.getConversation", "conversation") },
  { weight: 3, arbitrary: write("conversations.updateConversation", "conversation", conversationChanges) },
  { weight: 3, arbitrary: putFlags },
);
