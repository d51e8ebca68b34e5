import { createDaoServices, type Database } from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp, createLogger, type DaoApp } from "@flux/dao-http";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { RouteName } from "../../packages/dao-http/src/api/operation.ts";
import { operations } from "../../packages/dao-http/src/api/operations.gen.ts";

const TENANTS = ["tenant_1", "tenant_2", "tenant_3"] as const;
type Tenant = (typeof TENANTS)[number];
const KEYS = TENANTS.map((schema) => ({ name: `owner of ${schema}`, key: `key-of-${schema}`, schema }));
const lines: string[] = [];
let made: TestDatabase;
let database: Database;
let app: DaoApp;

/** A tenant's rows, one of each kind, whose text all has the word `secret`. */
interface Rows {
  readonly email: string;
  readonly ids: Readonly<Record<"user" | "goal" | "milestone" | "task" | "conversation", string>>;
  /** Of its changes. */
  readonly cursor: string;
}
const rowsOfTenants = new Map<Tenant, Rows>();

async function createRows(schema: Tenant): Promise<Rows> {
  const services = createDaoServices(database.withSchema(schema));
  const email = `secret@${schema.replace("_", "-")}.example.com`;
  const user = await services.users.createUser({ name: "secret", email, preferences: { secret: true } });
  const goal = await services.goals.createGoal({ userId: user.id, title: "secret" });
  const milestone = await services.milestones.createMilestone({ goalId: goal.id, weekNumber: 1, title: "secret" });
  const owners = { userId: user.id, goalId: goal.id, milestoneId: milestone.id };
  const startTime = new Date("2026-02-15T10:00:00Z");
  const task = await services.tasks.createTask({ ...owners, title: "secret", startTime, calendarEventId: "secret" });
  const talk = await services.conversations.createConversation({ ...owners, messages: ["secret"] });
  await services.demoFlags.putDemoFlags(user.id, { escalationSpeed: 7 });
  const { nextCursor } = await services.changes.listChanges();
  const ids = { user: user.id, goal: goal.id, milestone: milestone.id, task: task.id, conversation: talk.id };
  return { email, ids, cursor: nextCursor };
}

beforeAll(async () => {
  made = await createTestDatabase({ serverUrl: inject("adminUrl"), schema: "tenant_1", changes: true });
  ({ database } = made);
  await database.migrate({ schemas: ["tenant_2", "tenant_3"], changes: true });
  const logger = createLogger({ destination: { write: (text) => lines.push(text) } });
  app = createDaoApp({ services: database, keys: KEYS, logger });
  for (const tenant of TENANTS) rowsOfTenants.set(tenant, await createRows(tenant));
});
afterAll(() => made.drop());

function rowsOf(tenant: Tenant): Rows {
  const rows = rowsOfTenants.get(tenant);
  if (rows === undefined) throw new RangeError(tenant);
  return rows;
}

interface Sent {
  /** Default: that of the row of the operation's kind. */
  readonly id?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Requests of every operation that name another tenant's rows wherever they can, some with the caller's `own` beside them. */
const requestsFor = (
  { ids, email, cursor }: Rows,
  { ids: own }: Rows,
): Readonly<Record<RouteName, Sent | readonly Sent[]>> => ({
  "users.listUsers": { query: { email } },
  "users.streamUsers": { query: { email, cursors: "true" } },
  "users.countUsers": { query: { email } },
  "users.getUser": {},
  "users.createUser": { body: { name: "n", email } },
  "users.updateUser": { body: { name: "n" } },
  "users.deleteUser": {},
  "goals.listGoals": { query: { user_id: ids.user } },
  "goals.streamGoals": { query: { user_id: ids.user, cursors: "true" } },
  "goals.countGoals": { query: { user_id: ids.user } },
  "goals.getGoal": {},
  "goals.getGoalFull": {},
  "goals.createGoal": { body: { user_id: ids.user, title: "t" } },
  "goals.createGoalWithStructure": {
    body: { goal: { user_id: ids.user, title: "t" }, milestones: [{ week_number: 1, title: "m" }] },
  },
  "goals.updateGoal": { body: { title: "t" } },
  "goals.deleteGoal": {},
  "milestones.listMilestones": { query: { goal_id: ids.goal } },
  "milestones.streamMilestones": { query: { goal_id: ids.goal, cursors: "true" } },
  "milestones.countMilestones": { query: { goal_id: ids.goal } },
  "milestones.getMilestone": {},
  "milestones.createMilestone": { body: { goal_id: ids.goal, week_number: 1, title: "t" } },
  "milestones.updateMilestone": { body: { title: "t" } },
  "milestones.deleteMilestone": {},
  "tasks.listTasks": { query: { user_id: ids.user } },
  "tasks.countTasks": { query: { user_id: ids.user } },
  "tasks.getTask": {},
  "tasks.createTask": tasksWith(ids, own).map((body) => ({ body })),
  "tasks.createTasks": tasksWith(ids, own).map((task) => ({ body: `${JSON.stringify(task)}\n` })),
  "tasks.streamTasks": { query: { user_id: ids.user, cursors: "true" } },
  "tasks.updateTasks": [
    { body: { updates: [{ id: ids.task, title: "t" }] } },
    { body: { updates: [{ id: own.task, milestone_id: ids.milestone }] } },
  ],
  "tasks.updateTask": [
    { body: { title: "t", milestone_id: own.milestone } },
    { id: own.task, body: { title: "t", milestone_id: ids.milestone } },
  ],
  "tasks.deleteTask": {},
  "tasks.getTasksByTimerange": {
    query: { user_id: ids.user, start_time: "2026-01-01T00:00:00Z", end_time: "2027-01-01T00:00:00Z" },
  },
  "tasks.bulkUpdateState": { body: { task_ids: [ids.task], new_state: "missed" } },
  "tasks.linkCalendarEvent": { body: { calendar_event_id: "e" } },
  "tasks.getTaskStatistics": {
    query: { user_id: ids.user, start_date: "2000-01-01T00:00:00Z", end_date: "2099-01-01T00:00:00Z" },
  },
  "conversations.listConversations": { query: { user_id: ids.user } },
  "conversations.streamConversations": { query: { user_id: ids.user, cursors: "true" } },
  "conversations.countConversations": { query: { user_id: ids.user } },
  "conversations.getConversation": {},
  "conversations.createConversation": [
    { body: { user_id: ids.user, goal_id: own.goal } },
    { body: { user_id: own.user, goal_id: ids.goal } },
  ],
  "conversations.updateConversation": { body: { messages: ["m"] } },
  "conversations.appendMessages": { body: { messages: ["m"] } },
  "demoFlags.getDemoFlags": {},
  "demoFlags.putDemoFlags": { body: { escalation_speed: 1 } },
  "changes.listChanges": [{ query: {} }, { query: { user_id: ids.user } }, { query: { cursor } }],
  "changes.followChanges": [{ query: {} }, { query: { cursor } }],
  batch: {
    body: {
      operations: [
        { method: "GET", path: `/api/v1/tasks/?user_id=${ids.user}` },
        { method: "POST", path: "/api/v1/goals/", body: { user_id: ids.user, title: "t" } },
      ],
    },
  },
});

/** Tasks that refer to another tenant's rows. */
const tasksWith = (ids: Rows["ids"], own: Rows["ids"]): readonly object[] => [
  { user_id: ids.user, goal_id: ids.goal, title: "t" },
  { user_id: own.user, goal_id: ids.goal, title: "t" },
  { user_id: own.user, goal_id: own.goal, milestone_id: ids.milestone, title: "t" },
];

/** Method and path of an operation, of the row of its kind. */
function target(name: RouteName, { ids }: Rows, { id, query = {} }: Sent): { method: string; path: string } {
  const { method, path } = operations[name];
  const [service = ""] = name.split(".");
  const idOf: Readonly<Record<string, string>> = {
    users: ids.user,
    goals: ids.goal,
    milestones: ids.milestone,
    tasks: ids.task,
    conversations: ids.conversation,
    demoFlags: ids.user,
  };
  const search = new URLSearchParams(query).toString();
  return { method, path: `${path.replace(/\{\w+\}/, id ?? idOf[service] ?? "")}${search && `?${search}`}` };
}

function send(
  { method, path, body }: { method: string; path: string; body?: unknown },
  caller: Tenant,
  headers: Record<string, string> = {},
): Promise<Response> {
  const type = typeof body === "string" ? "application/x-ndjson" : "application/json";
  return app.fetch(
    new Request(`http://localhost${path}`, {
      method,
      headers: {
        "x-flux-service-key": `key-of-${caller}`,
        ...(body !== undefined && { "content-type": type }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }),
  );
}

/** The body; of one without an end, its beginning. */
async function textOf(response: Response, name: RouteName): Promise<string> {
  if (name !== "changes.followChanges") return response.text();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return value;
}

function stateOf(tenant: Tenant): Promise<unknown> {
  const services = createDaoServices(database.withSchema(tenant));
  return Promise.all([
    services.users.listUsers(),
    services.goals.listGoals(),
    services.milestones.listMilestones(),
    services.tasks.listTasks(),
    services.conversations.listConversations(),
    services.demoFlags.getDemoFlags(rowsOf(tenant).ids.user),
    services.changes.listChanges(),
  ]);
}

/** Writes that do without the row, or create one of the caller's. */
const SUCCEED = ["users.createUser", "demoFlags.putDemoFlags", "tasks.bulkUpdateState", "tasks.updateTasks"];

describe("a key that is bound to a schema", () => {
  const names = Object.keys(operations) as RouteName[];
  const pairs = TENANTS.map((caller, index) => ({ caller, owner: TENANTS[(index + 1) % 3] ?? caller }));

  test.each(names)("neither finds nor changes rows of another schema: %s", async (name) => {
    const { method, input, id } = operations[name];
    const isKeyed = method === "POST" && input !== "ndjson";
    const mayNotSucceed = (method !== "GET" || id !== undefined) && name !== "batch" && !SUCCEED.includes(name);
    for (const { caller, owner } of pairs) {
      const [rows, before] = [rowsOf(owner), await stateOf(owner)];
      for (const [index, sent] of [requestsFor(rows, rowsOf(caller))[name]].flat().entries()) {
        const request = { ...target(name, rows, sent), body: sent.body };
        const inBatch = { method: "POST", path: "/api/v1/batch", body: { operations: [request] } };
        const answers = [
          await send(request, caller),
          await send(request, caller, { "if-match": "*" }),
          ...(isKeyed ? [await send(request, caller, { "idempotency-key": `${name}-${owner}-${index}` })] : []),
          await send(inBatch, caller),
        ];
        for (const answer of answers) {
          expect(answer.status).toBeLessThan(500);
          if (mayNotSucceed) expect(answer.status).toBeGreaterThanOrEqual(400);
          const text = await textOf(answer, answer === answers.at(-1) ? "batch" : name);
          // Only what the request itself contained may be returned: the address.
          expect(text.replaceAll(rows.email, "")).not.toContain("secret");
          // Changes have no text.
          const idsFound = Object.values(rows.ids).filter((each) => text.includes(each));
          if (name.startsWith("changes.")) expect(idsFound).toEqual([]);
        }
      }
      expect(await stateOf(owner)).toEqual(before);
    }
  });

  test("opens its own", async () => {
    for (const tenant of TENANTS) {
      const { task } = rowsOf(tenant).ids;
      const response = await send({ method: "GET", path: `/api/v1/tasks/${task}` }, tenant);
      expect([response.status, await response.json()]).toMatchObject([200, { id: task, title: "secret" }]);
    }
  });

  test("has idempotency keys of its own, and is logged with its schema", async () => {
    const body = { name: "n", email: "idempotent@example.com" };
    const isReplayed = async (tenant: Tenant) => {
      const { headers } = await send({ method: "POST", path: "/api/v1/users/", body }, tenant, {
        "idempotency-key": "same",
      });
      return headers.get("idempotent-replayed");
    };
    expect([await isReplayed("tenant_1"), await isReplayed("tenant_2"), await isReplayed("tenant_2")]).toEqual([
      null,
      null,
      "true",
    ]);
    expect(JSON.parse(lines.at(-1) ?? "{}")).toMatchObject({ caller: "owner of tenant_2", schema: "tenant_2" });
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
    const keys = [6, 1, 7].map((tenant) => ({ name: `t${tenant}`, key: `key-${tenant}`, schema: `tenant_${tenant}` }));
    const { fetch } = createDaoApp({ services: database, keys, logger: createLogger({ level: "silent" }) });
    const ready = async () => {
      const response = await fetch(new Request("http://localhost/ready"));
      return [response.status, await response.json()];
    };
    await ready();
    await ready();
    expect(await ready()).toEqual([
      200,
      { status: "ready", schemas_not_ready: expect.arrayContaining(["tenant_6", "tenant_7"]) },
    ]);
    await database.migrate({ schemas: ["tenant_6", "tenant_7"] });
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
