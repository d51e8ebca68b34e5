import { describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "./answer.ts";
import { requestHead, sendRaw } from "./raw-socket.ts";
import { createUser, unknownId } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const HEADER = "X-Request-Id";
const UUID_ANYWHERE = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

/** Sends one request, and returns the log lines that it left. */
async function logOf(method: string, path: string, parts: Parameters<typeof call>[2] = {}) {
  const id = `test-${crypto.randomUUID()}`;
  const from = server.logLines().length;
  const answer = await call(method, path, { ...parts, headers: { [HEADER]: id, ...parts.headers } });
  const lines = server.logLines().slice(from);
  return { id, answer, lines, entry: JSON.parse(lines[0] ?? "{}") as Record<string, unknown> };
}

describe("X-Request-Id is accepted or generated, and returned", () => {
  test.each(["abc", "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e", "a.b_c~d:e/f=", "x".repeat(64)])(
    "%s is taken",
    async (id) => {
      const answer = await call("GET", "/api/v1/users/", { headers: { [HEADER]: id } });
      expect(answer.headers.get(HEADER)).toBe(id);
    },
  );

  test("one is generated if none is sent, another for each request", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call("GET", "/health")));
    const ids = answers.map((answer) => answer.headers.get(HEADER));
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(UUID_ANYWHERE);
  });

  test("it is returned with every response: success, each kind of error, public paths", async () => {
    for (const [method, path, parts] of [
      ["GET", "/api/v1/users/", {}],
      ["GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": "wrong" } }],
      ["GET", "/nothing", {}],
      ["PUT", "/api/v1/users/", {}],
      ["POST", "/api/v1/users/", { body: "{" }],
      ["POST", "/api/v1/users/", { body: "x".repeat(1_048_577) }],
      ["DELETE", `/api/v1/users/${unknownId()}`, {}],
      ["GET", "/health", {}],
      ["GET", "/ready", {}],
      ["GET", "/openapi.json", {}],
      ["GET", "/docs", {}],
    ] as const) {
      const headers = { ...("headers" in parts ? parts.headers : {}), [HEADER]: "sent-1" };
      const answer = await call(method, path, { ...parts, headers });
      expect(answer.headers.get(HEADER), `${method} ${path}`).toBe("sent-1");
    }
  });

  test.each([
    ["empty", ""],
    ["a line of its own", "a b c"],
    ["10,000 characters", "x".repeat(10_000)],
    ["a tab", "a\tb"],
    ["markup", `"><script>`.repeat(30)],
    ["beyond ASCII", "é".repeat(3)],
    ["a control character", "a\u0001b"],
  ])("an invalid one (%s) is replaced or harmless", async (_, id) => {
    const answer = await sendRaw(server.baseUrl, requestHead("GET", "/health", `${HEADER}: ${id}`));
    if (answer.status === 400) return; // Node's own parser refuses a control character in a header.
    expect(answer.status).toBe(200);
    expect(answer.headers["x-request-id"]).toMatch(/^[\x21-\x7e]{1,200}$/);
    expect(answer.headers["x-request-id"]).not.toBe(id);
  });

  test("one that is sent twice is replaced", async () => {
    const answer = await sendRaw(server.baseUrl, requestHead("GET", "/health", `${HEADER}: a`, `${HEADER}: b`));
    expect(answer.headers["x-request-id"]).toMatch(/^[\x21-\x7e]{1,200}$/);
  });
});

describe("one log line per request, never with the key", () => {
  test("method, path template, status, milliseconds, request id and the name of the caller's key", async () => {
    const user = await createUser(call);
    const { id, lines, entry } = await logOf("GET", `/api/v1/users/${user.id}?`, {
      headers: { "X-Flux-Service-Key": KEYS.observer },
    });
    expect(lines).toHaveLength(1);
    const values = Object.values(entry);
    expect(values).toEqual(expect.arrayContaining(["GET", "/api/v1/users/{user_id}", 200, id, "observer"]));
    const milliseconds = Number(entry["ms"] ?? entry["duration_ms"] ?? entry["milliseconds"]);
    expect(milliseconds).toBeGreaterThan(0);
    expect(milliseconds).toBeLessThan(60_000);
    expect(lines[0]).not.toContain(user.id);
  });

  test("a failed one too: 400, 403, 404, 405, 413, 415, 422", async () => {
    const goal = { user_id: unknownId(), title: "x" };
    for (const [status, method, path, parts] of [
      [400, "GET", "/api/v1/users/no-uuid", {}],
      [403, "GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": "wrong-canary" } }],
      [404, "GET", `/api/v1/users/${unknownId()}`, {}],
      [404, "GET", "/api/v1/nothing", {}],
      [405, "PUT", "/api/v1/users/", {}],
      [413, "POST", "/api/v1/users/", { body: "x".repeat(1_048_577) }],
      [415, "POST", "/api/v1/users/", { body: "x", headers: { "Content-Type": "text/plain" } }],
      [422, "POST", "/api/v1/goals/", { body: goal }],
    ] as const) {
      const { id, answer, lines, entry } = await logOf(method, path, parts);
      expectProblem(answer, status);
      expect(lines).toHaveLength(1);
      expect(Object.values(entry)).toEqual(expect.arrayContaining([method, status, id]));
    }
  });

  test("no line contains a key, a wrong key, or sent data", async () => {
    const email = "canary-address@example.com";
    await createUser(call, { email, name: "canary-name", preferences: { secret: "canary-preference" } });
    expectProblem(await call("POST", "/api/v1/users/", { body: { name: "canary-name", email } }), 409);
    expectProblem(await call("POST", "/api/v1/users/", { body: '{"name": canary-body}' }), 400);
    expectStatus(await call("GET", "/api/v1/users/?email=canary-query@example.com"), 200);
    await call("GET", "/api/v1/users/", {
      headers: { "X-Flux-Service-Key": "canary-key", Authorization: "Bearer canary" },
    });
    await call("GET", "/api/v1/canary-path/canary-id?secret=canary-query");
    await call("GET", "/docs?secret=canary-query");
    const log = server.logLines().join("\n");
    expect(server.logLines().length).toBeGreaterThan(4);
    expect(log).not.toMatch(/canary/);
    for (const key of Object.values(KEYS)) expect(log).not.toContain(key);
  });

  test("a request id cannot forge a log line", async () => {
    const from = server.logLines().length;
    await call("GET", "/openapi.json", { headers: { [HEADER]: '","status":999,"x":"' } });
    const lines = server.logLines().slice(from);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ status: 200 });
  });
});
