import { readFile } from "node:fs/promises";
import {
  createDaoServices,
  DaoUnitOfWork,
  Database,
  openDatabase,
  RetryableError,
  type SqlDriver,
  versionOf,
} from "@flux/dao-core";
import { databaseTelemetry } from "@flux/dao-core/opentelemetry";
import {
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { createDaoApp, createLogger, type DaoAppOptions } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { appTelemetry, clientTelemetry } from "@flux/dao-http/opentelemetry";
import { readSettings, startService } from "@flux/dao-http/server";
import { type Attributes, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AggregationTemporality, type DataPoint, InMemoryMetricExporter } from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { planWeek } from "../examples/opentelemetry/plan-week.ts";
import { registerSdk } from "../examples/opentelemetry/register-sdk.ts";
import { spanTree } from "../examples/opentelemetry/span-tree.ts";
import { startTracedService } from "../examples/opentelemetry/traced-service.ts";

const exporter = new InMemorySpanExporter();
const measurements = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const sdk = registerSdk(exporter, measurements);

let testDatabase: TestDatabase;
let database: Database;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  database = await openDatabase(testDatabase.url, { telemetry: databaseTelemetry({ poolName: "test" }) });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});
afterEach(() => {
  for (const { attributes } of exporter.getFinishedSpans()) keepSeen(attributes);
  exporter.reset();
});

/** Everything that the tests here have recorded, to compare with the documentation page. */
const seenAttributes = new Set<string>();
const seenMetrics = new Map<string, string>();

function keepSeen(attributes: Attributes): void {
  for (const name of Object.keys(attributes)) seenAttributes.add(name);
}

/** The latest data points of a metric. */
async function pointsOf(name: string): Promise<readonly DataPoint<unknown>[]> {
  measurements.reset();
  await sdk.flush();
  const metrics = measurements.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
  for (const { descriptor, dataPoints } of metrics) {
    seenMetrics.set(descriptor.name, descriptor.unit);
    for (const { attributes } of dataPoints) keepSeen(attributes);
  }
  return metrics.filter(({ descriptor }) => descriptor.name === name).flatMap(({ dataPoints }) => [...dataPoints]);
}

function spanNamed(name: string, kind?: SpanKind): ReadableSpan {
  const spans = exporter.getFinishedSpans();
  const span = spans.find((one) => one.name === name && (kind === undefined || one.kind === kind));
  if (span === undefined) throw new Error(`There is no span ${name} among ${spans.map((one) => one.name).join(", ")}.`);
  return span;
}

const KEY = "a-key-of-this-test";
const connection = { "db.system.name": "postgresql", "db.namespace": expect.stringMatching(/^flux_test_\w+\|public$/) };
const server = { "server.address": expect.any(String), "server.port": expect.any(Number) };

function connectedClient(options: Partial<DaoAppOptions> = {}) {
  const keys = [{ name: "test", key: KEY }];
  const app = createDaoApp({ services: database, keys, telemetry: appTelemetry(), ...options });
  const fetch = (url: string, init: RequestInit) => app.fetch(new Request(url, init));
  const client = createDaoClient({ baseUrl: "http://dao.test", serviceKey: KEY, fetch, telemetry: clientTelemetry() });
  return { app, client };
}

describe("the example", () => {
  test("makes one trace, from the job over client and server to the statements, without any value", async () => {
    const { email } = makeUserData();
    await using service = await startTracedService(testDatabase.url);
    await planWeek(service.client, email);
    const spans = exporter.getFinishedSpans();
    expect(spanTree(spans)).toEqual([
      "plan week (internal)",
      "  POST /api/v1/users/ (client)",
      "    POST /api/v1/users/ (server)",
      "      insert users (client)",
      "  POST /api/v1/goals/ (client)",
      "    POST /api/v1/goals/ (server)",
      "      insert goals (client)",
      "  PATCH /api/v1/goals/{goal_id} (client)",
      "    PATCH /api/v1/goals/{goal_id} (server)",
      "      unit of work (internal)",
      "        select goals (client)",
      "        update goals (client)",
    ]);
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    const points = (await pointsOf("db.client.operation.duration")).concat(
      await pointsOf("http.server.request.duration"),
    );
    expect(points.length).toBeGreaterThan(5);
    const told = JSON.stringify([
      spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
      points.map(({ attributes }) => attributes),
    ]);
    for (const value of [email, "Ada", "Run 5 km", "example-key"]) expect(told).not.toContain(value);
    expect(told).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
  });
});

describe("spans by the semantic conventions", () => {
  test("of a key that is bound to a schema name it, as do those of its statements", async () => {
    const { client } = connectedClient({ keys: [{ name: "test", key: KEY, schema: "tenant_1" }] });
    await database.migrate({ schemas: ["tenant_1"] });
    await client.users.createUser(makeUserData());
    expect(spanNamed("POST /api/v1/users/", SpanKind.SERVER).attributes["flux_dao.schema"]).toBe("tenant_1");
    expect(spanNamed("insert users").attributes["db.namespace"]).toMatch(/^flux_test_\w+\|tenant_1$/);
  });

  test("of a call, its request, its unit of work and a statement", async () => {
    const { client } = connectedClient();
    const user = await client.users.createUser(makeUserData());
    await client.users.updateUser(user.id, { name: "Grace" }, { ifVersion: versionOf(user) });
    expect(spanNamed("update users").attributes).toEqual({
      ...connection,
      ...server,
      "db.query.summary": "update users",
      "db.query.text": expect.stringMatching(
        /^update "public"\."users" set "name" = \$1 where "public"\."users"\."id" = \$2 returning/,
      ),
      "db.operation.name": "update",
      "db.collection.name": "users",
      "db.response.returned_rows": 1,
    });
    expect(spanNamed("unit of work").attributes).toEqual({ ...connection, ...server });
    const path = "/api/v1/users/{user_id}";
    expect(spanNamed(`PATCH ${path}`, SpanKind.SERVER).attributes).toEqual({
      "http.request.method": "PATCH",
      "url.scheme": "http",
      "url.path": "/api/v1/users/REDACTED",
      "http.route": path,
      "http.response.status_code": 200,
      "flux_dao.caller": "test",
    });
    expect(spanNamed(`PATCH ${path}`, SpanKind.CLIENT).attributes).toEqual({
      "http.request.method": "PATCH",
      "server.address": "dao.test",
      "server.port": 80,
      "url.template": path,
      "url.full": "http://dao.test/api/v1/users/REDACTED",
      "http.response.status_code": 200,
    });
  });

  test("a conflict is an error of the statement and of the call, but not of the server", async () => {
    const { client } = connectedClient();
    const input = makeUserData();
    await client.users.createUser(input);
    exporter.reset();
    await expect(client.users.createUser(input)).rejects.toMatchObject({ code: "conflict" });
    const failure = { "error.type": "23505", "db.response.status_code": "23505", "flux_dao.error.code": "conflict" };
    const statement = spanNamed("insert users");
    expect(statement.attributes).toMatchObject(failure);
    // Without the message, which contains the value.
    expect(statement.status).toEqual({ code: SpanStatusCode.ERROR });
    const served = spanNamed("POST /api/v1/users/", SpanKind.SERVER);
    expect(served.status.code).toBe(SpanStatusCode.UNSET);
    expect(served.attributes["error.type"]).toBeUndefined();
    const called = spanNamed("POST /api/v1/users/", SpanKind.CLIENT);
    expect(called.status.code).toBe(SpanStatusCode.ERROR);
    expect(called.attributes).toMatchObject({ "http.response.status_code": 409, "error.type": "409" });
    expect(await pointsOf("db.client.operation.duration")).toContainEqual(
      expect.objectContaining({ attributes: expect.objectContaining(failure) }),
    );
  });

  test("a failure of the service is an error of the server, with the code of its problem", async () => {
    const services = createDaoServices(database);
    const broken = {
      ...services,
      users: { ...services.users, getUser: () => Promise.reject(new Error("ada@example.com")) },
    };
    const { client } = connectedClient({ services: broken, logger: createLogger({ level: "silent" }) });
    await expect(client.users.getUser(crypto.randomUUID())).rejects.toMatchObject({ status: 500 });
    const failure = { "http.response.status_code": 500, "error.type": "internal_error" };
    const served = spanNamed("GET /api/v1/users/{user_id}", SpanKind.SERVER);
    expect(served.attributes).toMatchObject(failure);
    expect(served.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(await pointsOf("http.server.request.duration")).toContainEqual(
      expect.objectContaining({ attributes: expect.objectContaining(failure) }),
    );
  });

  test("each attempt of a call has a span of its own, with the error that kept it from a response", async () => {
    const fetch = () => Promise.reject(new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } }));
    const options = { baseUrl: "https://[::1]:8443/dao", serviceKey: KEY, fetch, telemetry: clientTelemetry() };
    const { users } = createDaoClient({ ...options, retry: { retries: 1 } });
    await expect(users.listUsers({ email: "ada@example.com" })).rejects.toMatchObject({ code: "unavailable" });
    const attempt = {
      "http.request.method": "GET",
      "server.address": "::1",
      "server.port": 8443,
      "url.template": "/api/v1/users/",
      "url.full": "https://[::1]:8443/dao/api/v1/users/",
      "error.type": "ECONNREFUSED",
    };
    const attempts = exporter.getFinishedSpans().map(({ attributes }) => attributes);
    expect(attempts).toEqual([attempt, { ...attempt, "http.request.resend_count": 1 }]);
  });

  test("of several servers the one to which new connections lead", () => {
    let address = { host: "one", port: 5433, database: "flux" };
    const source = {
      get address() {
        return address;
      },
    };
    const instrumentation = databaseTelemetry({ poolName: "several" }).instrument(source);
    const select = { kind: "statement", text: "select 1", schema: "public" } as const;
    instrumentation.start(select)?.end({});
    address = { ...address, host: "two" };
    instrumentation.start(select)?.end({});
    const named = exporter.getFinishedSpans().map(({ attributes }) => attributes["server.address"]);
    expect(named).toEqual(["one", "two"]);
  });

  test("a path that is not the API's is recorded as such, with its method alone", async () => {
    const { app } = connectedClient();
    await app.fetch(
      new Request("https://dao.test:8443/ada@example.com/tasks?name=Ada", { headers: { host: "dao.test:8443" } }),
    );
    const { attributes } = spanNamed("GET");
    expect(attributes).toMatchObject({ "url.path": "/REDACTED/tasks", "url.scheme": "https" });
    expect(attributes).not.toHaveProperty("http.route");
    expect(attributes).not.toHaveProperty("url.query");
  });
});

describe("spans nest", () => {
  test("requests whose statements share a connection: each statement below its own request", async () => {
    const { client } = connectedClient();
    const users = await Promise.all([1, 2, 3, 4].map(() => client.users.createUser(makeUserData())));
    exporter.reset();
    await Promise.all(users.map(({ id }) => client.users.getUser(id)));
    const request = [
      "GET /api/v1/users/{user_id} (client)",
      "  GET /api/v1/users/{user_id} (server)",
      "    select users (client)",
    ];
    expect(spanTree(exporter.getFinishedSpans())).toEqual([...request, ...request, ...request, ...request]);
  });

  test("nested units of work, and concurrent statements in one of them", async () => {
    await DaoUnitOfWork.run(database, async (uow) => {
      const user = await uow.users.create(makeUserData());
      await Promise.all([1, 2].map(() => uow.goals.create(makeGoalData(user.id))));
      await DaoUnitOfWork.run(uow, (nested) => nested.demoFlags.put(user.id, {}));
    });
    expect(spanTree(exporter.getFinishedSpans())).toEqual([
      "unit of work (internal)",
      "  insert users (client)",
      "  insert goals (client)",
      "  insert goals (client)",
      "  nested unit of work (internal)",
      "    insert demo_flags (client)",
    ]);
  });

  test("pages of a stream below its request, whose span ends with the stream", async () => {
    const { client } = connectedClient();
    const user = await client.users.createUser(makeUserData());
    const goal = await client.goals.createGoal(makeGoalData(user.id));
    await createDaoServices(testDatabase.database).tasks.createTasks(
      Array.from({ length: 1_500 }, () => makeTaskData(user.id, goal.id)),
    );
    exporter.reset();
    let count = 0;
    for await (const _ of client.tasks.streamTasks({ goalId: goal.id })) count++;
    expect(count).toBe(1_500);
    expect(spanTree(exporter.getFinishedSpans())).toEqual([
      "GET /api/v1/tasks/stream (client)",
      "  GET /api/v1/tasks/stream (server)",
      ...Array(6).fill("    select tasks (client)"),
    ]);
    const ends = exporter.getFinishedSpans().map(({ name, kind }) => [name, kind]);
    expect(ends.slice(0, 2)).toEqual([
      ["select tasks", SpanKind.CLIENT],
      ["select tasks", SpanKind.CLIENT],
    ]);
  });

  test("a request below its host's span, and then it is not measured twice", async () => {
    const { app } = connectedClient();
    const count = async () => {
      const points = await pointsOf("http.server.request.duration");
      return points.filter(({ attributes }) => attributes["http.route"] === "/health").length;
    };
    await trace.getTracer("host").startActiveSpan("GET", { kind: SpanKind.SERVER }, async (span) => {
      await app.fetch(new Request("http://dao.test/health"));
      span.end();
    });
    expect(spanTree(exporter.getFinishedSpans())).toEqual(["GET (server)", "  GET /health (internal)"]);
    expect(await count()).toBe(0);
    await app.fetch(new Request("http://dao.test/health"));
    expect(await count()).toBe(1);
  });
});

describe("metrics", () => {
  test("retries of statements and of units of work, by what was aborted", async () => {
    const before = await pointsOf("flux_dao.retries");
    expect(before).toEqual([]);
    let attempts = 0;
    const work = async () => {
      attempts++;
      if (attempts === 1)
        throw new RetryableError("Aborted.", { cause: Object.assign(new Error(), { code: "40001" }) });
    };
    await DaoUnitOfWork.run(database, work, { retries: 1 });
    const failure = { "error.type": "40001", "db.response.status_code": "40001", "flux_dao.error.code": "retryable" };
    const of = (what: string) =>
      expect.objectContaining({ value: 1, attributes: { "flux_dao.retry.of": what, ...failure } });
    expect(await pointsOf("flux_dao.retries")).toEqual([of("unit of work")]);
    expect(spanTree(exporter.getFinishedSpans())).toEqual(["unit of work (internal)", "unit of work (internal)"]);
    const driver: SqlDriver = {
      description: "gives up once",
      isTransaction: false,
      execute: async () => {
        attempts++;
        if (attempts === 3) throw Object.assign(new Error(), { code: "40001" });
        return { rows: [], count: 1 };
      },
      transaction: () => Promise.reject(new Error("There is none.")),
      close: async () => undefined,
    };
    exporter.reset();
    await new Database(driver, { telemetry: databaseTelemetry() }).users.delete(crypto.randomUUID());
    expect(await pointsOf("flux_dao.retries")).toEqual([of("unit of work"), of("statement")]);
    // A retried error is not an error of the whole unit of work.
    expect(spanNamed("delete users").status.code).toBe(SpanStatusCode.UNSET);
  });

  test("the pool: connections in use and idle, waiting callers and their waiting times, and callers that timed out", async () => {
    const telemetry = databaseTelemetry({ poolName: "small" });
    const small = await openDatabase(testDatabase.url, { poolSize: 1, acquireTimeout: 1_000, telemetry });
    const ofPool = async (metric: string) =>
      (await pointsOf(`db.client.connection.${metric}`))
        .filter(({ attributes }) => attributes["db.client.connection.pool.name"] === "small")
        .map(({ attributes, value }) => [attributes["db.client.connection.state"], value]);
    const id = crypto.randomUUID();
    let release = () => {};
    const holding = new Promise<void>((hold) => {
      release = hold;
    });
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const held = DaoUnitOfWork.run(small, async (uow) => {
      await uow.users.findById(id);
      open();
      await holding;
    });
    await opened;
    exporter.reset();
    const refused = small.users.findById(id).catch((error: unknown) => error);
    expect(await ofPool("pending_requests")).toEqual([[undefined, 1]]);
    const count = (used: number, idle: number) => [
      ["used", used],
      ["idle", idle],
    ];
    expect(await ofPool("count")).toEqual(count(1, 0));
    expect(await refused).toMatchObject({ code: "unavailable" });
    expect(await ofPool("timeouts")).toEqual([[undefined, 1]]);
    expect(spanNamed("select users").attributes).toMatchObject({ "error.type": "unavailable" });
    const waited = small.users.findById(id);
    release();
    await Promise.all([held, waited]);
    expect(await ofPool("count")).toEqual(count(0, 1));
    expect(await ofPool("max")).toEqual([[undefined, 1]]);
    // A unit of work that starts at once, and a statement that waits for its end.
    expect(await ofPool("wait_time")).toEqual([[undefined, expect.objectContaining({ count: 2 })]]);
    await small.close();
    expect(await ofPool("count")).toEqual(count(0, 0));
    expect(await ofPool("max")).toEqual([[undefined, 0]]);
  });
});

test("the service reports to the SDK that was registered before it, until its stop, and logs the trace id", async () => {
  const lines: string[] = [];
  const settings = readSettings({ DATABASE_URL: testDatabase.url, PORT: "0", SERVICE_API_KEYS: `{"test": "${KEY}"}` });
  const logger = createLogger({ destination: { write: (line: string) => lines.push(line) } });
  const service = await startService(settings, logger);
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { "x-flux-service-key": KEY, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  await fetch(`${service.url}/api/v1/users/`, { headers });
  await service.stop();
  const request = spanNamed("GET /api/v1/users/");
  expect(request.attributes).toMatchObject({ "network.protocol.version": "1.1", "server.address": "127.0.0.1" });
  expect(request.parentSpanContext).toMatchObject({ traceId, spanId: "b7ad6b7169203331", isRemote: true });
  expect(spanTree(exporter.getFinishedSpans())).toEqual([
    "GET /api/v1/users/ (server)",
    "  select users (client)",
    "  select users (client)",
  ]);
  const { spanId } = request.spanContext();
  expect(JSON.parse(lines[0] ?? "{}")).toMatchObject({ status: 200, trace_id: traceId, span_id: spanId });
});

test("docs/how-to/observe.md lists all attributes and metrics, with their units, and no others", async () => {
  const page = await readFile(new URL("../docs/how-to/observe.md", import.meta.url), "utf8");
  const rowsOf = (heading: string) => {
    const section = page.split(`\n### ${heading}\n`)[1]?.split("\n#")[0] ?? "";
    return [...section.matchAll(/^\| `([^`]+)` \| ([^|]*) \|/gm)].map(
      ([, name = "", next = ""]) => [name, next] as const,
    );
  };
  expect(
    rowsOf("Attributes")
      .map(([name]) => name)
      .sort(),
  ).toEqual([...seenAttributes].sort());
  const units = rowsOf("Metrics").map(([name, cell]) => [name, cell.replaceAll("`", "")]);
  expect(units.sort()).toEqual([...seenMetrics].sort());
});
