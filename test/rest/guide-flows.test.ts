import { beforeAll, describe, expect, test } from "vitest";
import {
  createGoal,
  createTask,
  createUser,
  type GoalRow,
  type GoalWithRelations,
  type Statistics,
  type TaskRow,
  uniqueEmail,
} from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

/**
 * The guide's own examples, line by line, with `fetch` in place of httpx: they must work for a reader as printed.
 * They use none of the tests' helpers.
 */
const server = useRestServer();

interface Params {
  readonly json?: object;
  readonly params?: Readonly<Record<string, string>>;
}

/** httpx.AsyncClient(base_url=…, headers=…), with raise_for_status(). */
function httpxClient(serviceKey: string) {
  const request = async (method: string, path: string, { json, params }: Params = {}): Promise<Response> => {
    // httpx encodes parameters as URLSearchParams does: + becomes %2B.
    const query = params === undefined ? "" : `?${new URLSearchParams(params)}`;
    const response = await fetch(`${server.baseUrl}${path}${query}`, {
      method,
      redirect: "error",
      headers: { "X-Flux-Service-Key": serviceKey, ...(json && { "Content-Type": "application/json" }) },
      ...(json && { body: JSON.stringify(json) }),
    });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    return response;
  };
  return {
    get: (path: string, parts?: Params) => request("GET", path, parts),
    post: (path: string, parts?: Params) => request("POST", path, parts),
    patch: (path: string, parts?: Params) => request("PATCH", path, parts),
  };
}

/** datetime.isoformat() of a time in UTC: microseconds unless they are 0, and +00:00. */
function isoformat(date: Date, microseconds = 0): string {
  const fraction = date.getUTCMilliseconds() * 1_000 + microseconds;
  const suffix = fraction === 0 ? "" : `.${String(fraction).padStart(6, "0")}`;
  return `${date.toISOString().slice(0, 19)}${suffix}+00:00`;
}

async function createGoalWithPlan(userEmail: string, goalTitle: string) {
  const client = httpxClient(KEYS["goal-planner"]);
  const userResponse = await client.post("/api/v1/users/", {
    json: {
      name: "Jane Doe",
      email: userEmail,
      preferences: { timezone: "America/New_York" },
      demo_mode: false,
    },
  });
  const user = (await userResponse.json()) as { id: string };
  const task = { state: "scheduled", trigger_type: "time", is_recurring: true };
  const goalResponse = await client.post("/api/v1/goals/with-structure", {
    json: {
      goal: { user_id: user.id, title: goalTitle, category: "health", timeline: "8 weeks", status: "active" },
      milestones: [
        {
          week_number: 1,
          title: "Build base fitness",
          status: "pending",
          tasks: [
            { title: "Run 3km", priority: "standard", ...task },
            { title: "Stretch routine (15 min)", priority: "standard", ...task },
          ],
        },
        {
          week_number: 2,
          title: "Increase distance",
          status: "pending",
          tasks: [{ title: "Run 5km", priority: "important", ...task }],
        },
      ],
    },
  });
  return (await goalResponse.json()) as GoalWithRelations;
}

async function schedulerDailySync(userId: string) {
  const client = httpxClient(KEYS.scheduler);
  const now = new Date();
  // now.replace(hour=…) keeps the microseconds: the guide's times have them.
  const startTime = new Date(now);
  startTime.setUTCHours(0, 0, 0);
  const endTime = new Date(now);
  endTime.setUTCHours(23, 59, 59);
  const tasksResponse = await client.get("/api/v1/tasks/by-timerange", {
    params: { user_id: userId, start_time: isoformat(startTime, 123), end_time: isoformat(endTime, 123) },
  });
  const tasks = (await tasksResponse.json()) as TaskRow[];
  const driftedTaskIds: string[] = [];
  for (const task of tasks) {
    if (task.state !== "scheduled") continue;
    const taskEnd = task.end_time === null ? undefined : new Date(task.end_time);
    if (taskEnd !== undefined && taskEnd < now) driftedTaskIds.push(task.id);
  }
  let updated = 0;
  if (driftedTaskIds.length > 0) {
    const bulkResponse = await client.post("/api/v1/tasks/bulk-update-state", {
      json: { task_ids: driftedTaskIds, new_state: "drifted" },
    });
    updated = ((await bulkResponse.json()) as { updated_count: number }).updated_count;
  }
  return { tasksChecked: tasks.length, drifted: driftedTaskIds.length, updated };
}

async function linkCalendarEvent(taskId: string, calendarEventId: string) {
  const response = await httpxClient(KEYS.scheduler).patch(`/api/v1/tasks/${taskId}/calendar-event`, {
    json: { calendar_event_id: calendarEventId },
  });
  return (await response.json()) as TaskRow;
}

async function analyzeUserPatterns(userId: string, days = 30) {
  const now = new Date();
  const startDate = new Date(now.getTime() - days * 86_400_000);
  const response = await httpxClient(KEYS.observer).get("/api/v1/tasks/statistics", {
    params: { user_id: userId, start_date: isoformat(startDate, 456), end_date: isoformat(now, 456) },
  });
  return (await response.json()) as Statistics;
}

describe("guide, Example: Complete Goal Planner Flow", () => {
  const email = uniqueEmail();

  test("creates a user and a goal with its plan, and prints the guide's output", async () => {
    const goal = await createGoalWithPlan(email, "Run a half marathon");
    expect(goal.title).toBe("Run a half marathon");
    expect(goal.milestones.map(({ title }) => title)).toEqual(["Build base fitness", "Increase distance"]);
    expect(goal.tasks.map(({ title }) => title)).toEqual(["Run 3km", "Stretch routine (15 min)", "Run 5km"]);
  });

  test("raise_for_status() raises the second time, because the user exists", async () => {
    await expect(createGoalWithPlan(email, "Again")).rejects.toThrow(/^409: /);
  });
});

describe("guide, Example: Scheduler Service Flow", () => {
  let goal: GoalRow;
  beforeAll(async () => {
    goal = await createGoal(server.call, await createUser(server.call));
  });

  test("marks overdue tasks that are still scheduled as drifted, and nothing else", async () => {
    const midnight = new Date();
    midnight.setUTCHours(0, 0, 1, 0);
    const start_time = midnight.toISOString();
    const over = await createTask(server.call, goal, { start_time, end_time: start_time });
    const done = await createTask(server.call, goal, { start_time, end_time: start_time, state: "completed" });
    const open = await createTask(server.call, goal, { start_time });
    await createTask(server.call, goal, { start_time: "2020-01-01T00:00:00Z", end_time: "2020-01-01T01:00:00Z" });

    expect(await schedulerDailySync(goal.user_id)).toEqual({ tasksChecked: 3, drifted: 1, updated: 1 });
    const states = await Promise.all(
      [over, done, open].map(async ({ id }) => (await server.call<TaskRow>("GET", `/api/v1/tasks/${id}`)).body.state),
    );
    expect(states).toEqual(["drifted", "completed", "scheduled"]);
    expect(await schedulerDailySync(goal.user_id)).toEqual({ tasksChecked: 3, drifted: 0, updated: 0 });
  });

  test("links a calendar event", async () => {
    const task = await createTask(server.call, goal);
    expect(await linkCalendarEvent(task.id, "google-event-1")).toEqual({
      ...task,
      calendar_event_id: "google-event-1",
    });
  });
});

describe("guide, Example: Observer Service Flow", () => {
  test("counts the last 30 days, and prints all of the guide's figures", async () => {
    const goal = await createGoal(server.call, await createUser(server.call));
    for (const state of ["completed", "completed", "missed"]) await createTask(server.call, goal, { state });
    // The guide's range ends now: wait for the next millisecond, so that the last task is before it.
    const last = await createTask(server.call, goal);
    await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(Date.parse(last.created_at));

    const stats = await analyzeUserPatterns(goal.user_id);
    expect(stats).toEqual({
      user_id: goal.user_id,
      total_tasks: 4,
      by_state: { scheduled: 1, drifted: 0, completed: 2, missed: 1 },
      completion_rate: 0.5,
    });
    expect(`${(stats.completion_rate * 100).toFixed(1)}%`).toBe("50.0%");
  });
});

describe("guide, Writing Your Own Tests: Integration Test Pattern (HTTP)", () => {
  test("test_create_and_retrieve_task", async () => {
    const client = httpxClient(KEYS["goal-planner"]);
    const user = await client.post("/api/v1/users/", { json: { name: "Test User", email: uniqueEmail() } });
    const { id: user_id } = (await user.json()) as { id: string };
    const goal = await client.post("/api/v1/goals/", { json: { user_id, title: "Test Goal" } });
    const { id: goal_id } = (await goal.json()) as { id: string };
    const created = await client.post("/api/v1/tasks/", {
      json: { user_id, goal_id, title: "Test Task", state: "scheduled" },
    });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };
    const read = await client.get(`/api/v1/tasks/${id}`);
    expect(read.status).toBe(200);
    expect(((await read.json()) as TaskRow).title).toBe("Test Task");
  });
});
