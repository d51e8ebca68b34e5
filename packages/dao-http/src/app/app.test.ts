import { describe, expect, test } from "vitest";
import { id, KEY, noChunks, testApp } from "../testing/test-app.ts";

describe("REST: requests become calls", () => {
  const answers: Readonly<Record<string, unknown>> = {
    getTask: { id, startTime: new Date(0) },
    createUser: { id, demoMode: false },
    deleteGoal: undefined,
    listGoals: { items: [], total: 0, page: 1, pageSize: 100, hasNext: false, hasPrev: false },
    getTasksByTimerange: [],
  };
  const { call, calls } = testApp(({ method }) => answers[method] ?? { id });

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

  test("200 has the result in snake_case", async () => {
    const { status, body, headers } = await call("GET", `/api/v1/tasks/${id}`);
    expect(status).toBe(200);
    expect(body).toEqual({ id, start_time: "1970-01-01T00:00:00.000Z" });
    expect(headers.get("content-type")).toBe("application/json");
  });

  test("201 has a Location, also under a base path; a structure has that of its goal", async () => {
    expect((await call("POST", "/api/v1/users/", { body: "{}" })).headers.get("location")).toBe(`/api/v1/users/${id}`);
    const structure = await call("POST", "/api/v1/goals/with-structure", { body: "{}" });
    expect(structure.headers.get("location")).toBe(`/api/v1/goals/${id}`);
    const mounted = testApp(() => ({ id }), { basePath: "/dao" });
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

describe("REST: a target with scheme and host before its path, as proxies send it", () => {
  const { app, calls } = testApp(() => ({ id }));
  const get = (target: string) =>
    app.handle({
      method: "GET",
      target,
      header: (name) => (name === "x-flux-service-key" ? KEY : undefined),
      readChunks: noChunks,
    });

  test("is its path and query", async () => {
    expect((await get(`http://service:8000/api/v1/tasks/${id}`)).status).toBe(200);
    expect((await get("HTTP://service/api/v1/users/?page=2")).status).toBe(200);
    expect(calls.at(-1)).toEqual({ method: "listUsers", args: [{ page: 2 }] });
  });

  test.each([
    ["http://evil?x=/api/v1/users/", 200],
    ["http://evil", 200],
    ["", 200],
    ["*", 404],
  ])("%j is the start page, or nothing: %i", async (target, status) => {
    expect((await get(target)).status).toBe(status);
  });
});

describe("REST: the key comes first", () => {
  const { call, calls, lines } = testApp();

  test.each([
    ["GET", "/api/v1/nothing"],
    ["PUT", "/api/v1/users/"],
    ["GET", "/api/v1/users/%ff"],
    ["GET", "/api/v1/users/?x=1"],
    ["OPTIONS", "/api/v1/users/"],
    ["GET", "/api"],
    ["GET", "/%61pi/v1/users/"],
    ["GET", "/%61pi%2fv1/nothing"],
  ])("%s %s without a key is 403", async (method, path) => {
    for (const key of ["", "wrong", `${KEY}x`, "constructor"]) {
      const { status, body } = await call(method, path, { headers: { "X-Flux-Service-Key": key } });
      expect({ status, code: body.code }).toEqual({ status: 403, code: "invalid_service_key" });
      expect(body.detail).toContain("X-Flux-Service-Key");
    }
    expect(calls).toEqual([]);
  });

  test.each(["/docs/nothing.js", "/apis", "/API/v1/users/", "//api/v1/users/", "/favicon.ico", "/users/%ff"])(
    "there is nothing at %s, with or without a key",
    async (path) => {
      for (const headers of [{}, { "X-Flux-Service-Key": "" }]) {
        expect((await call("GET", path, { headers })).body).toMatchObject({ status: 404, code: "not_found" });
      }
    },
  );

  test("a name may have several keys, and is logged instead of them", async () => {
    for (const key of ["old", "new"]) {
      expect((await call("GET", "/api/v1/users", { headers: { "X-Flux-Service-Key": key } })).status).toBe(200);
      expect(lines.at(-1)?.fields).toMatchObject({ caller: "observer" });
    }
  });

  test("an app needs a key", () => {
    expect(() => testApp(undefined, { keys: [] })).toThrow("at least one service key");
    for (const options of [{ bodyLimit: Number("1mb") }, { bodyTimeout: 2 ** 31 }, { maxConcurrentRequests: 0 }]) {
      expect(() => testApp(undefined, options)).toThrow(/^\w+ must be a whole number from 1 to 2147483647\.$/);
    }
  });

  test.each(["", " ", "two words", "kéy", "x".repeat(201)])("the key %j is rejected, and not shown", (key) => {
    const make = () => testApp(undefined, { keys: [{ name: "caller", key }] });
    expect(make).toThrow(
      new TypeError("The service key of caller must be 1 to 200 printable ASCII characters without a space."),
    );
  });
});

describe("request ids and the log", () => {
  test("an id is used if it is valid, replaced if not, and always returned", async () => {
    const { call, lines } = testApp();
    const send = async (requestId: string) =>
      (await call("GET", "/api/v1/users/", { headers: { "X-Request-Id": requestId } })).headers.get("x-request-id");
    expect(await send("abc-123")).toBe("abc-123");
    expect(lines.at(-1)?.fields["request_id"]).toBe("abc-123");
    for (const insane of ["", "a b", "x".repeat(201), "é"]) expect(await send(insane)).toMatch(/^[0-9a-f-]{36}$/);
    expect((await call("GET", "/nothing")).headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("one line per request: template, status, milliseconds, caller; never the key or the path itself", async () => {
    const { call, lines } = testApp();
    await call("GET", `/api/v1/users/${id}?x=1`);
    await call("GET", "/api/v1/nothing/private");
    await call("GET", "/health/");
    await call("GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": "wrong-key" } });
    expect(lines.map(({ fields }) => [fields["method"], fields["path"], fields["status"], fields["caller"]])).toEqual([
      ["GET", "/api/v1/users/{user_id}", 400, "goal-planner"],
      ["GET", null, 404, "goal-planner"],
      ["GET", "/health", 200, null],
      ["GET", "/api/v1/users/", 403, null],
    ]);
    expect(lines.map(({ level }) => level)).toEqual(["info", "info", "debug", "info"]);
    const text = JSON.stringify(lines);
    for (const secret of [KEY, "wrong-key", id, "private"]) expect(text).not.toContain(secret);
    for (const { fields } of lines) expect(fields["ms"]).toBeGreaterThanOrEqual(0);
  });
});
