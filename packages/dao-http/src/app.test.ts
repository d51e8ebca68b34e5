import {
  ConflictError,
  type DaoServices,
  NotFoundError,
  UnavailableError,
  ValidationError,
} from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { createDaoApp, type DaoAppOptions } from "./app.ts";
import type { Logger } from "./log.ts";
import { stubServices } from "./services-stub.ts";

const KEY = "goal-planner-key-abc";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

interface LoggedLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function recordingLogger(): { logger: Logger; lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at = (level: string) => (fields: object) => lines.push({ level, fields: { ...fields } });
  return { logger: { info: at("info"), warn: at("warn"), error: at("error") }, lines };
}

function setUp(answer?: Parameters<typeof stubServices>[0], options: Partial<DaoAppOptions> = {}) {
  const { services, calls } = stubServices(answer);
  const { logger, lines } = recordingLogger();
  const keys = [
    { name: "goal-planner", key: KEY },
    { name: "observer", key: "old" },
    { name: "observer", key: "new" },
  ];
  const app = createDaoApp({ services, keys, logger, ...options });
  const call = async (method: string, path: string, init: RequestInit = {}) => {
    const headers = { "X-Flux-Service-Key": KEY, ...(init.body != null && { "Content-Type": "application/json" }) };
    const request = new Request(`http://service${path}`, { ...init, method, headers: { ...headers, ...init.headers } });
    const response = await app.fetch(request);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
  return { app, call, calls, lines };
}

describe("REST: requests become calls", () => {
  const answers: Readonly<Record<string, unknown>> = {
    getTask: { id, startTime: new Date(0) },
    createUser: { id, demoMode: false },
    deleteGoal: undefined,
    listGoals: { items: [], total: 0, page: 1, pageSize: 100, hasNext: false, hasPrev: false },
    getTasksByTimerange: [],
  };
  const { call, calls } = setUp(({ method }) => answers[method] ?? { id });

  test.each([
    ["GET", `/api/v1/tasks/${id}`, undefined, "getTask", [id]],
    [
      "GET",
      "/api/v1/tasks/by-timerange?start_time=2026-02-15T10:00:00Z",
      undefined,
      "getTasksByTimerange",
      [{ startTime: new Date("2026-02-15T10:00:00Z") }],
    ],
    ["GET", "/api/v1/tasks/statistics", undefined, "getTaskStatistics", [{}]],
    [
      "POST",
      "/api/v1/tasks/bulk-update-state",
      { task_ids: [id], new_state: "drifted" },
      "bulkUpdateState",
      [{ taskIds: [id], newState: "drifted" }],
    ],
    [
      "PATCH",
      `/api/v1/tasks/${id}/calendar-event`,
      { calendar_event_id: null },
      "linkCalendarEvent",
      [id, { calendarEventId: null }],
    ],
    ["GET", "/api/v1/goals?page_size=5&user_id=x", undefined, "listGoals", [{ pageSize: 5, userId: "x" }]],
    ["GET", `/api/v1/goals/${id}/full/`, undefined, "getGoalFull", [id]],
    [
      "POST",
      "/api/v1/goals/with-structure",
      { goal: { user_id: id } },
      "createGoalWithStructure",
      [{ goal: { userId: id } }],
    ],
    ["DELETE", `/api/v1/goals/${id}`, undefined, "deleteGoal", [id]],
    ["PUT", `/api/v1/demo-flags/${id}`, { escalation_speed: 2 }, "putDemoFlags", [id, { escalationSpeed: 2 }]],
    [
      "PATCH",
      `/api/v1/conversations/${id}`,
      { messages: [{ aB: 1 }] },
      "updateConversation",
      [id, { messages: [{ aB: 1 }] }],
    ],
  ])("%s %s", async (method, path, body, name, args) => {
    const response = await call(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
    expect(response.status).toBeLessThan(300);
    expect(calls.at(-1)).toEqual({ method: name, args });
  });

  test("200 has the answer in snake_case", async () => {
    const { status, body, headers } = await call("GET", `/api/v1/tasks/${id}`);
    expect(status).toBe(200);
    expect(body).toEqual({ id, start_time: "1970-01-01T00:00:00.000Z" });
    expect(headers.get("content-type")).toBe("application/json");
  });

  test("201 has a Location, also under a base path, and for a structure that of its goal", async () => {
    expect((await call("POST", "/api/v1/users/", { body: "{}" })).headers.get("location")).toBe(`/api/v1/users/${id}`);
    const structure = await call("POST", "/api/v1/goals/with-structure", { body: "{}" });
    expect(structure.headers.get("location")).toBe(`/api/v1/goals/${id}`);
    const mounted = setUp(() => ({ id }), { basePath: "/dao" });
    expect((await mounted.call("POST", "/api/v1/tasks", { body: "{}" })).headers.get("location")).toBe(
      `/dao/api/v1/tasks/${id}`,
    );
  });

  test("204 has no body, and HEAD has the headers of GET without one", async () => {
    expect(await call("DELETE", `/api/v1/goals/${id}`)).toMatchObject({ status: 204, text: "" });
    const head = await call("HEAD", `/api/v1/tasks/${id}/`);
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers.get("content-type")).toBe("application/json");
  });
});

describe("REST: the key comes first", () => {
  const { call, calls, lines } = setUp();

  test.each([
    ["GET", "/api/v1/nothing"],
    ["PUT", "/api/v1/users/"],
    ["GET", "/api/v1/users/%ff"],
    ["GET", "/api/v1/users/?x=1"],
    ["OPTIONS", "/api/v1/users/"],
    ["GET", "/docs/nothing.js"],
    ["GET", "/"],
  ])("%s %s without one is 403", async (method, path) => {
    for (const key of ["", "wrong", `${KEY}x`, "constructor"]) {
      const { status, body } = await call(method, path, { headers: { "X-Flux-Service-Key": key } });
      expect({ status, code: body.code }).toEqual({ status: 403, code: "invalid_service_key" });
      expect(body.detail).toContain("X-Flux-Service-Key");
    }
    expect(calls).toEqual([]);
  });

  test("a name may have several keys, and stands in the log instead of them", async () => {
    for (const key of ["old", "new"]) {
      expect((await call("GET", "/api/v1/users", { headers: { "X-Flux-Service-Key": key } })).status).toBe(200);
      expect(lines.at(-1)?.fields).toMatchObject({ caller: "observer" });
    }
  });

  test("an app without keys is not made", () => {
    expect(() => setUp(undefined, { keys: [] })).toThrow("at least one service key");
  });
});

describe("Errors: what is wrong with a request as HTTP", () => {
  const { call, calls } = setUp(() => ({ id }));
  const post = (init: RequestInit) => call("POST", "/api/v1/users/", init);

  test("404 for a path that does not exist", async () => {
    for (const path of ["/", "/api/v1", "/api/v1/users/1/2", "/api/v2/users/", "/api/v1/users//"]) {
      expect((await call("GET", path)).body).toMatchObject({ status: 404, code: "not_found" });
    }
  });

  test("405 with Allow for a method that does not", async () => {
    const { status, headers, body } = await call("PUT", "/api/v1/users/");
    expect({ status, allow: headers.get("allow"), code: body.code }).toEqual({
      status: 405,
      allow: "GET, HEAD, POST",
      code: "method_not_allowed",
    });
    expect((await call("POST", "/health")).headers.get("allow")).toBe("GET, HEAD");
    expect((await call("OPTIONS", `/api/v1/tasks/${id}/calendar-event`)).headers.get("allow")).toBe("PATCH");
  });

  test.each([
    "text/plain",
    "application/problem+json",
    "application/jsonx",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin1",
    "text/json",
  ])("415 for %s", async (type) => {
    const { status, body } = await post({ body: "{}", headers: { "Content-Type": type } });
    expect({ status, code: body.code }).toEqual({ status: 415, code: "unsupported_media_type" });
  });

  test.each([
    "application/json",
    "APPLICATION/JSON",
    "application/json;charset=utf-8",
    'application/json; charset="UTF-8"',
    "application/json ; charset=utf8",
  ])("%s is accepted", async (type) => {
    expect((await post({ body: "{}", headers: { "Content-Type": type } })).status).toBe(201);
  });

  test("400 for what is no JSON: malformed, empty, not UTF-8", async () => {
    const bodies = ["", "{", "{'a':1}", '{"a":NaN}', "{}x", '{"a":1,}', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])];
    for (const body of bodies) {
      const response = await post({ body, headers: { "Content-Type": "application/json" } });
      expect(response.body).toMatchObject({ status: 400, code: "validation_failed", errors: [{ path: "" }] });
    }
  });

  test("413 for a body over the limit, announced or in chunks, and nothing of it is kept", async () => {
    const before = calls.length;
    const large = JSON.stringify({ name: "x".repeat(1_048_576) });
    const { status, body } = await post({ body: large });
    expect({ status, code: body.code }).toEqual({ status: 413, code: "payload_too_large" });
    let sent = 0;
    const chunks = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
        if (sent > 100 * 1_048_576) controller.close();
      },
    });
    const init = { body: chunks, duplex: "half", headers: { "Content-Type": "application/json" } } as const;
    expect((await post(init)).status).toBe(413);
    expect(sent).toBeLessThan(2 * 1_048_576);
    expect(calls).toHaveLength(before);
  });

  test("a body as large as the limit is read", async () => {
    const { call: callSmall } = setUp(() => ({ id }), { bodyLimit: 10 });
    expect((await callSmall("POST", "/api/v1/users", { body: '{"a":"bc"}' })).status).toBe(201);
    expect((await callSmall("POST", "/api/v1/users", { body: '{"a":"bcd"}' })).status).toBe(413);
  });

  test("an operation that takes no parameters takes none", async () => {
    const { body } = await call("GET", `/api/v1/users/${id}?pretty=1`);
    expect(body).toMatchObject({ status: 400, errors: [{ path: "pretty", message: "is not a known parameter" }] });
  });
});

describe("Errors: what the services throw", () => {
  test("is a problem in the caller's spelling", async () => {
    const { call, lines } = setUp(() => {
      throw new ValidationError([{ path: "id", message: "must be a UUID" }]);
    });
    const { body, headers } = await call("GET", "/api/v1/tasks/1");
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toEqual({
      type: "urn:flux-dao:error:validation_failed",
      title: "Validation failed",
      status: 400,
      detail: "task_id must be a UUID.",
      instance: "/api/v1/tasks/1",
      code: "validation_failed",
      errors: [{ path: "task_id", message: "must be a UUID" }],
    });
    expect(lines.at(-1)?.level).toBe("info");
  });

  test.each([
    [new NotFoundError("task", id), 404],
    [new ConflictError("email is taken."), 409],
    [new UnavailableError("The database cannot be reached."), 503],
  ])("%s", async (error, status) => {
    const { call } = setUp(() => {
      throw error;
    });
    const response = await call("GET", `/api/v1/tasks/${id}`);
    expect(response.status).toBe(status);
    expect(response.body.detail).toBe(error.message);
    expect(response.headers.get("retry-after")).toBe(status === 503 ? "2" : null);
  });

  test("unforeseen: 500, with the cause in the log only", async () => {
    const cause = new Error("password authentication failed", { cause: new Error("select secret") });
    const { call, lines } = setUp(() => {
      throw cause;
    });
    const { status, text, headers } = await call("GET", `/api/v1/tasks/${id}`);
    expect(status).toBe(500);
    expect(text).not.toMatch(/password|secret|\.ts/);
    expect(text).toContain(headers.get("x-request-id") ?? "?");
    expect(lines.at(-1)).toMatchObject({
      level: "error",
      fields: { status: 500, err: { message: cause.message, cause: { message: "select secret" } } },
    });
  });
});

describe("request ids and the log", () => {
  test("an id is taken if it is sane, made if not, and always sent back", async () => {
    const { call, lines } = setUp();
    const send = async (requestId: string) =>
      (await call("GET", "/api/v1/users/", { headers: { "X-Request-Id": requestId } })).headers.get("x-request-id");
    expect(await send("abc-123")).toBe("abc-123");
    expect(lines.at(-1)?.fields["request_id"]).toBe("abc-123");
    for (const insane of ["", "a b", "x".repeat(201), "é"]) expect(await send(insane)).toMatch(/^[0-9a-f-]{36}$/);
    expect((await call("GET", "/nothing")).headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("one line a request: template, status, milliseconds, caller; never the key or the path itself", async () => {
    const { call, lines } = setUp();
    await call("GET", `/api/v1/users/${id}?x=1`);
    await call("GET", "/api/v1/nothing/private");
    await call("GET", "/health/");
    await call("GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": "wrong-key" } });
    expect(lines.map(({ fields }) => [fields["method"], fields["path"], fields["status"], fields["caller"]])).toEqual([
      ["GET", "/api/v1/users/{user_id}", 400, "goal-planner"],
      ["GET", null, 404, "goal-planner"],
      ["GET", "/health", 200, null],
      ["GET", null, 403, null],
    ]);
    const text = JSON.stringify(lines);
    for (const secret of [KEY, "wrong-key", id, "private"]) expect(text).not.toContain(secret);
    for (const { fields } of lines) expect(fields["ms"]).toBeGreaterThanOrEqual(0);
  });
});

describe("probes", () => {
  const noKey = { headers: { "X-Flux-Service-Key": "" } };

  test("/health needs nothing", async () => {
    const { call } = setUp(undefined, { readiness: () => Promise.reject(new Error("down")) });
    expect(await call("GET", "/health", noKey)).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  test("/ready says whether, and why not", async () => {
    const ready = setUp();
    expect(await ready.call("GET", "/ready", noKey)).toMatchObject({ status: 200, body: { status: "ready" } });
    const down = setUp(undefined, { readiness: () => Promise.reject(new UnavailableError("No database.")) });
    const body = { status: "not_ready", detail: "No database." };
    expect(await down.call("GET", "/ready/", noKey)).toMatchObject({ status: 503, body });
    const broken = setUp(undefined, { readiness: () => Promise.reject(new Error("secret")) });
    expect((await broken.call("GET", "/ready", noKey)).text).not.toContain("secret");
  });

  test("/ready answers within 2 s when the database hangs, asks it once for all, and tells it to stop", async () => {
    const signals: AbortSignal[] = [];
    const { call } = setUp(undefined, {
      readiness: ({ signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    const start = performance.now();
    const answers = await Promise.all([call("GET", "/ready", noKey), call("GET", "/ready", noKey)]);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test("/ready is 503 as soon as the service is about to stop", async () => {
    const { app, call } = setUp();
    app.announceStop();
    expect(await call("GET", "/ready", noKey)).toMatchObject({ status: 503, body: { status: "not_ready" } });
    expect((await call("GET", "/health", noKey)).status).toBe(200);
  });

  test("a database is asked by its own checkReady", async () => {
    const { services } = stubServices();
    const session: DaoServices & { checkReady(): Promise<void> } = {
      ...services,
      checkReady: () => Promise.reject(new UnavailableError("Gone.")),
    };
    const { call } = setUp(undefined, { services: session });
    expect((await call("GET", "/ready", noKey)).body).toEqual({ status: "not_ready", detail: "Gone." });
  });
});
