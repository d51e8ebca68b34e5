import { createDaoServices, type Database } from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp, createLogger, type DaoApp } from "@flux/dao-http";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { RouteName } from "../../packages/dao-http/src/api/operation.ts";
import { operations } from "../../packages/dao-http/src/api/operations.gen.ts";

const KEYS = [
  { name: "acme", key: "key-of-acme", schema: "tenant_1" },
  { name: "umbrella", key: "key-of-umbrella", schema: "tenant_2" },
];
const lines: string[] = [];
let made: TestDatabase;
let database: Database;
let app: DaoApp;
/** The ids of a row of each kind that belong to acme; all of its text says `secret`. */
let acme: Readonly<Record<"user" | "goal" | "milestone" | "task" | "conversation", string>>;

beforeAll(async () => {
  made = await createTestDatabase({ serverUrl: inject("adminUrl"), schema: "tenant_1" });
  ({ database } = made);
  await database.migrate({ schemas: ["tenant_2"] });
  const logger = createLogger({ destination: { write: (text) => lines.push(text) } });
  app = createDaoApp({ services: database, keys: KEYS, logger });
  const { users, goals, milestones, tasks, conversations, demoFlags } = createDaoServices(database);
  const user = await users.createUser({ name: "secret", email: "secret@example.com", preferences: { secret: true } });
  const goal = await goals.createGoal({ userId: user.id, title: "secret" });
  const milestone = await milestones.createMilestone({ goalId: goal.id, weekNumber: 1, title: "secret" });
  const owners = { userId: user.id, goalId: goal.id, milestoneId: milestone.id };
  const startTime = new Date("2026-02-15T10:00:00Z");
  const task = await tasks.createTask({ ...owners, title: "secret", startTime, calendarEventId: "secret" });
  const talk = await conversations.createConversation({ userId: user.id, goalId: goal.id, messages: ["secret"] });
  await demoFlags.putDemoFlags(user.id, { escalationSpeed: 7 });
  acme = { user: user.id, goal: goal.id, milestone: milestone.id, task: task.id, conversation: talk.id };
});
afterAll(() => made.drop());

interface Sent {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A request of every operation that names acme's rows wherever it can. */
const requests: Readonly<Record<RouteName, () => Sent>> = {
  "users.listUsers": () => ({ query: { email: "secret@example.com" } }),
  "users.streamUsers": () => ({ query: { email: "secret@example.com", cursors: "true" } }),
  "users.countUsers": () => ({ query: { email: "secret@example.com" } }),
  "users.getUser": () => ({}),
  "users.createUser": () => ({ body: { name: "n", email: "secret@example.com" } }),
  "users.updateUser": () => ({ body: { name: "n" } }),
  "users.deleteUser": () => ({}),
  "goals.listGoals": () => ({ query: { user_id: acme.user } }),
  "goals.streamGoals": () => ({ query: { user_id: acme.user, cursors: "true" } }),
  "goals.countGoals": () => ({ query: { user_id: acme.user } }),
  "goals.getGoal": () => ({}),
  "goals.getGoalFull": () => ({}),
  "goals.createGoal": () => ({ body: { user_id: acme.user, title: "t" } }),
  "goals.createGoalWithStructure": () => ({
    body: { goal: { user_id: acme.user, title: "t" }, milestones: [{ week_number: 1, title: "m" }] },
  }),
  "goals.updateGoal": () => ({ body: { title: "t" } }),
  "goals.deleteGoal": () => ({}),
  "milestones.listMilestones": () => ({ query: { goal_id: acme.goal } }),
  "milestones.streamMilestones": () => ({ query: { goal_id: acme.goal, cursors: "true" } }),
  "milestones.countMilestones": () => ({ query: { goal_id: acme.goal } }),
  "milestones.getMilestone": () => ({}),
  "milestones.createMilestone": () => ({ body: { goal_id: acme.goal, week_number: 1, title: "t" } }),
  "milestones.updateMilestone": () => ({ body: { title: "t" } }),
  "milestones.deleteMilestone": () => ({}),
  "tasks.listTasks": () => ({ query: { user_id: acme.user } }),
  "tasks.countTasks": () => ({ query: { user_id: acme.user } }),
  "tasks.getTask": () => ({}),
  "tasks.createTask": () => ({ body: { user_id: acme.user, goal_id: acme.goal, title: "t" } }),
  "tasks.createTasks": () => ({ body: `${JSON.stringify({ user_id: acme.user, goal_id: acme.goal, title: "t" })}\n` }),
  "tasks.streamTasks": () => ({ query: { user_id: acme.user, cursors: "true" } }),
  "tasks.updateTasks": () => ({ body: { updates: [{ id: acme.task, title: "t" }] } }),
  "tasks.updateTask": () => ({ body: { title: "t", milestone_id: acme.milestone } }),
  "tasks.deleteTask": () => ({}),
  "tasks.getTasksByTimerange": () => ({
    query: { user_id: acme.user, start_time: "2026-01-01T00:00:00Z", end_time: "2027-01-01T00:00:00Z" },
  }),
  "tasks.bulkUpdateState": () => ({ body: { task_ids: [acme.task], new_state: "missed" } }),
  "tasks.linkCalendarEvent": () => ({ body: { calendar_event_id: "e" } }),
  "tasks.getTaskStatistics": () => ({
    query: { user_id: acme.user, start_date: "2000-01-01T00:00:00Z", end_date: "2099-01-01T00:00:00Z" },
  }),
  "conversations.listConversations": () => ({ query: { user_id: acme.user } }),
  "conversations.streamConversations": () => ({ query: { user_id: acme.user, cursors: "true" } }),
  "conversations.countConversations": () => ({ query: { user_id: acme.user } }),
  "conversations.getConversation": () => ({}),
  "conversations.createConversation": () => ({ body: { user_id: acme.user, goal_id: acme.goal } }),
  "conversations.updateConversation": () => ({ body: { messages: ["m"] } }),
  "conversations.appendMessages": () => ({ body: { messages: ["m"] } }),
  "demoFlags.getDemoFlags": () => ({}),
  "demoFlags.putDemoFlags": () => ({ body: { escalation_speed: 1 } }),
  "changes.listChanges": () => ({ query: { user_id: acme.user } }),
  "changes.followChanges": () => ({ query: { user_id: acme.user } }),
  batch: () => ({
    body: {
      operations: [
        { method: "GET", path: `/api/v1/tasks/?user_id=${acme.user}` },
        { method: "POST", path: "/api/v1/goals/", body: { user_id: acme.user, title: "t" } },
      ],
    },
  }),
};

function send(name: RouteName, key: string, headers: Record<string, string> = {}): Promise<Response> {
  const { method, path, input } = operations[name];
  const { query = {}, body } = requests[name]();
  const [service = ""] = name.split(".");
  const ids: Readonly<Record<string, string>> = {
    users: acme.user,
    goals: acme.goal,
    milestones: acme.milestone,
    tasks: acme.task,
    conversations: acme.conversation,
    demoFlags: acme.user,
  };
  const url = `http://localhost${path.replace(/\{\w+\}/, ids[service] ?? "")}?${new URLSearchParams(query)}`;
  const type = input === "ndjson" ? "application/x-ndjson" : "application/json";
  return app.fetch(
    new Request(url, {
      method,
      headers: { "x-flux-service-key": key, ...(body !== undefined && { "content-type": type }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }),
  );
}

async function rowsOf(schema: string): Promise<unknown> {
  const services = createDaoServices(database.withSchema(schema));
  return Promise.all([
    services.users.listUsers(),
    services.goals.listGoals(),
    services.milestones.listMilestones(),
    services.tasks.listTasks(),
    services.conversations.listConversations(),
    services.demoFlags.getDemoFlags(acme.user).catch(() => null),
  ]);
}

describe("a key that is bound to a schema", () => {
  const names = Object.keys(operations) as RouteName[];

  test.each(names)("neither finds nor changes rows of another schema: %s", async (name) => {
    const before = await rowsOf("tenant_1");
    const variants = [{}, { "if-match": "*" }, { "idempotency-key": `${name}-1` }].filter(
      (headers) =>
        !("idempotency-key" in headers) || (operations[name].method === "POST" && operations[name].input !== "ndjson"),
    );
    for (const headers of variants) {
      const response = await send(name, "key-of-umbrella", headers as Record<string, string>);
      const text = await response.text();
      // Only what the request itself contained may be returned: its filter, its address.
      if (name !== "users.createUser") expect(text).not.toContain("secret");
      else expect(text).not.toContain(acme.user);
      const isOfRow = operations[name].id !== undefined && name !== "demoFlags.putDemoFlags";
      if (isOfRow) expect(response.status).toBeGreaterThanOrEqual(400);
    }
    expect(await rowsOf("tenant_1")).toEqual(before);
  });

  test("opens its own", async () => {
    const response = await send("tasks.getTask", "key-of-acme");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: acme.task, title: "secret" });
  });

  test("has idempotency keys of its own, and is logged with its schema", async () => {
    const post = async (key: string) => {
      const { headers } = await app.fetch(
        new Request("http://localhost/api/v1/users/", {
          method: "POST",
          headers: { "x-flux-service-key": key, "content-type": "application/json", "idempotency-key": "same" },
          body: JSON.stringify({ name: "n", email: "idempotent@example.com" }),
        }),
      );
      return headers.get("idempotent-replayed");
    };
    expect([await post("key-of-acme"), await post("key-of-umbrella"), await post("key-of-umbrella")]).toEqual([
      null,
      null,
      "true",
    ]);
    expect(JSON.parse(lines.at(-1) ?? "{}")).toMatchObject({ caller: "umbrella", schema: "tenant_2" });
  });
});

describe("/ready of a service with many schemas", () => {
  test("also names the schema of the idempotency keys", async () => {
    const services = database.withSchema("tenant_5");
    const keys = [...KEYS, { name: "operator", key: "key-of-operator" }];
    const { fetch } = createDaoApp({ services, keys, logger: createLogger({ level: "silent" }) });
    const ready = async (): Promise<unknown> => (await fetch(new Request("http://localhost/ready"))).json();
    for (let call = 0; call < KEYS.length; call++) await ready();
    expect(await ready()).toEqual({ status: "ready", schemas_not_ready: ["tenant_5"] });
    await database.migrate({ schemas: ["tenant_5"] });
    expect(await ready()).toEqual({ status: "ready" });
  });

  test("is 200 while one of them is usable, names the others, and is 503 when none is", async () => {
    const keys = [3, 1, 4].map((tenant) => ({ name: `t${tenant}`, key: `key-${tenant}`, schema: `tenant_${tenant}` }));
    const { fetch } = createDaoApp({ services: database, keys, logger: createLogger({ level: "silent" }) });
    const ready = async () => {
      const response = await fetch(new Request("http://localhost/ready"));
      return [response.status, await response.json()];
    };
    await ready();
    await ready();
    expect(await ready()).toEqual([
      200,
      { status: "ready", schemas_not_ready: expect.arrayContaining(["tenant_3", "tenant_4"]) },
    ]);
    await database.migrate({ schemas: ["tenant_3", "tenant_4"] });
    await ready();
    await ready();
    expect(await ready()).toEqual([200, { status: "ready" }]);
    const none = createDaoApp({
      services: database,
      keys: [{ name: "t", key: "k", schema: "tenant_9" }],
      logger: createLogger({ level: "silent" }),
    });
    const response = await none.fetch(new Request("http://localhost/ready"));
    expect([response.status, await response.json()]).toEqual([
      503,
      { status: "not_ready", detail: expect.stringContaining("tenant_9") },
    ]);
  });
});

test("a key is not bound to a schema if there is only one", () => {
  const services = createDaoServices(database);
  expect(() => createDaoApp({ services, keys: KEYS })).toThrow(TypeError);
  expect(() => createDaoApp({ services: database, keys: [{ name: "t", key: "k", schema: "pg_x" }] })).toThrow("schema");
});
