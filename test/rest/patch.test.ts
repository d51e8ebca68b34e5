import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import {
  createConversation,
  createGoal,
  createMilestone,
  createTask,
  createUser,
  type GoalRow,
  type TaskRow,
  unknownId,
} from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

const start_time = "2026-02-15T10:00:00.000Z";
const end_time = "2026-02-15T11:00:00.000Z";

/** One row of each entity that can be patched, with no field at its default. */
const rows: Record<string, { readonly id: string }> = {};
let goal: GoalRow;

beforeAll(async () => {
  const user = await createUser(call, { preferences: { a: 1 }, demo_mode: true });
  goal = await createGoal(call, user, { category: "health", timeline: "8 weeks", status: "paused" });
  const milestone = await createMilestone(call, goal, { week_number: 2, status: "done" });
  Object.assign(rows, {
    users: user,
    goals: goal,
    milestones: milestone,
    tasks: await createTask(call, goal, {
      milestone_id: milestone.id,
      start_time,
      end_time,
      state: "completed",
      priority: "important",
      trigger_type: "on_leaving_home",
      is_recurring: true,
      calendar_event_id: "gcal-1",
    }),
    conversations: await createConversation(call, goal, { messages: [1], status: "closed" }),
  });
});

const path = (entity: string) => `/api/v1/${entity}/${rows[entity]?.id}`;
const newTask = (fields: object = {}) => createTask(call, goal, fields);
const patchTask = (task: TaskRow, body: unknown) => call<TaskRow>("PATCH", `/api/v1/tasks/${task.id}`, { body });

const ENTITIES = ["users", "goals", "milestones", "tasks", "conversations"];

describe.each(ENTITIES)("REST: PATCH of %s", (entity) => {
  test("`{}` returns the row unchanged", async () => {
    expect(expectStatus(await call("PATCH", path(entity), { body: {} }), 200)).toStrictEqual(rows[entity]);
  });

  test("unknown fields are ignored, including those that the service sets and camelCase ones", async () => {
    const body = {
      id: unknownId(),
      created_at: "2001-01-01T00:00:00Z",
      colour: "red",
      createdAt: null,
      isRecurring: 1,
    };
    expect(expectStatus(await call("PATCH", path(entity), { body }), 200)).toStrictEqual(rows[entity]);
    expect(expectStatus(await call("GET", path(entity)), 200)).toStrictEqual(rows[entity]);
  });

  test("of a row that does not exist is 404, also with `{}`", async () => {
    expectProblem(await call("PATCH", `/api/v1/${entity}/${unknownId()}`, { body: {} }), 404);
  });

  test.each(["null", "[]", '"text"', "1", "true", "[{}]"])("a body that is %s, not an object, is 400", async (body) => {
    expectProblem(await call("PATCH", path(entity), { body }), 400);
  });
});

describe("REST: PATCH, an absent field is kept", () => {
  test.each([
    ["users", "name", "Ada"],
    ["users", "preferences", { b: 2 }],
    ["users", "demo_mode", false],
    ["goals", "title", "New"],
    ["goals", "category", "sport"],
    ["milestones", "week_number", 9],
    ["milestones", "status", "pending"],
    ["tasks", "state", "missed"],
    ["tasks", "is_recurring", false],
    ["tasks", "end_time", "2026-02-15T12:00:00.000Z"],
    ["conversations", "messages", []],
    ["conversations", "status", ""],
  ])("%s.%s alone changes", async (entity, field, value) => {
    const changed = expectStatus(await call("PATCH", path(entity), { body: { [field]: value } }), 200);
    expect(changed).toStrictEqual({ ...rows[entity], [field]: value });
    Object.assign(rows, { [entity]: changed });
  });
});

describe("REST: PATCH, `null` clears a nullable field and is a validation error for another", () => {
  test.each([
    ["goals", "category"],
    ["goals", "timeline"],
    ["tasks", "milestone_id"],
    ["tasks", "start_time"],
    ["tasks", "end_time"],
    ["tasks", "calendar_event_id"],
  ])("%s.%s is cleared", async (entity, field) => {
    const changed = expectStatus(await call("PATCH", path(entity), { body: { [field]: null } }), 200);
    expect(changed).toStrictEqual({ ...rows[entity], [field]: null });
    expect(expectStatus(await call("GET", path(entity)), 200)).toStrictEqual(changed);
    Object.assign(rows, { [entity]: changed });
  });

  test.each([
    ["users", "name"],
    ["users", "email"],
    ["users", "demo_mode"],
    ["goals", "title"],
    ["goals", "status"],
    ["milestones", "week_number"],
    ["milestones", "title"],
    ["milestones", "status"],
    ["tasks", "title"],
    ["tasks", "state"],
    ["tasks", "priority"],
    ["tasks", "trigger_type"],
    ["tasks", "is_recurring"],
    ["conversations", "status"],
  ])("%s.%s: null is 400 (500 in the Python service)", async (entity, field) => {
    expectInvalid(await call("PATCH", path(entity), { body: { [field]: null } }), field);
    expect(expectStatus(await call("GET", path(entity)), 200)).toStrictEqual(rows[entity]);
  });

  test("`null` for a JSON column means empty", async () => {
    const user = await createUser(call, { preferences: { a: 1 } });
    const answer = await call("PATCH", `/api/v1/users/${user.id}`, { body: { preferences: null } });
    expect(expectStatus(answer, 200)).toStrictEqual({ ...user, preferences: {} });
  });
});

describe("REST: PATCH, rules across fields apply to the resulting row", () => {
  test("an end before the existing start: 400, a 500 in the Python service", async () => {
    const task = await newTask({ start_time, end_time });
    expectInvalid(await patchTask(task, { end_time: "2026-02-15T09:59:59.999Z" }), "end_time");
    expect(expectStatus(await call("GET", `/api/v1/tasks/${task.id}`), 200)).toStrictEqual(task);
  });

  test("a start after the existing end: 400", async () => {
    const task = await newTask({ start_time, end_time });
    const problem = expectProblem(await patchTask(task, { start_time: "2026-02-15T11:00:00.001Z" }), 400);
    expect(problem.errors?.[0]?.path).toMatch(/^(start|end)_time$/);
    expect(expectStatus(await call("GET", `/api/v1/tasks/${task.id}`), 200)).toStrictEqual(task);
  });

  test("both at once, in the wrong order: 400", async () => {
    const task = await newTask();
    expectInvalid(await patchTask(task, { start_time: end_time, end_time: start_time }), "end_time");
  });

  test("both at once, each conflicting with the other's old value: valid", async () => {
    const task = await newTask({ start_time, end_time });
    const later = { start_time: "2026-02-16T10:00:00.000Z", end_time: "2026-02-16T10:00:00.000Z" };
    expect(expectStatus(await patchTask(task, later), 200)).toStrictEqual({ ...task, ...later });
    const earlier = { start_time: "2026-02-14T10:00:00.000Z", end_time: "2026-02-14T11:00:00.000Z" };
    expect(expectStatus(await patchTask(task, earlier), 200)).toStrictEqual({ ...task, ...earlier });
  });

  test("an end equal to the start is valid, to the millisecond", async () => {
    const task = await newTask({ start_time, end_time });
    expect(expectStatus(await patchTask(task, { end_time: start_time }), 200).end_time).toBe(start_time);
  });

  test("a task without a start or without an end is always valid", async () => {
    const task = await newTask({ start_time, end_time });
    const open = expectStatus(await patchTask(task, { start_time: null }), 200);
    const moved = expectStatus(await patchTask(open, { end_time: "2020-01-01T00:00:00.000Z" }), 200);
    expect(moved).toStrictEqual({ ...task, start_time: null, end_time: "2020-01-01T00:00:00.000Z" });
    expectInvalid(await patchTask(moved, { start_time, end_time: "2020-01-01T00:00:00Z" }), "end_time");
  });
});
