import { describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "./answer.ts";
import { requestHead, sendRaw } from "./raw-socket.ts";
import { createUser, unknownId } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const HEADER = "X-Flux-Service-Key";
const id = unknownId();

/** Every path of the guide's reference that needs a key, with one method each. */
const PROTECTED: readonly [method: string, path: string][] = [
  ["GET", "/api/v1/users/"],
  ["GET", `/api/v1/users/${id}`],
  ["POST", "/api/v1/users/"],
  ["PATCH", `/api/v1/users/${id}`],
  ["DELETE", `/api/v1/users/${id}`],
  ["GET", "/api/v1/goals/"],
  ["GET", `/api/v1/goals/${id}`],
  ["GET", `/api/v1/goals/${id}/full`],
  ["POST", "/api/v1/goals/"],
  ["POST", "/api/v1/goals/with-structure"],
  ["PATCH", `/api/v1/goals/${id}`],
  ["DELETE", `/api/v1/goals/${id}`],
  ["GET", "/api/v1/tasks/"],
  ["GET", `/api/v1/tasks/${id}`],
  ["POST", "/api/v1/tasks/"],
  ["PATCH", `/api/v1/tasks/${id}`],
  ["DELETE", `/api/v1/tasks/${id}`],
  ["GET", "/api/v1/tasks/by-timerange"],
  ["POST", "/api/v1/tasks/bulk-update-state"],
  ["PATCH", `/api/v1/tasks/${id}/calendar-event`],
  ["GET", "/api/v1/tasks/statistics"],
  ["GET", "/api/v1/milestones/"],
  ["GET", `/api/v1/milestones/${id}`],
  ["POST", "/api/v1/milestones/"],
  ["PATCH", `/api/v1/milestones/${id}`],
  ["DELETE", `/api/v1/milestones/${id}`],
  ["GET", "/api/v1/conversations/"],
  ["GET", `/api/v1/conversations/${id}`],
  ["POST", "/api/v1/conversations/"],
  ["PATCH", `/api/v1/conversations/${id}`],
  ["GET", `/api/v1/demo-flags/${id}`],
  ["PUT", `/api/v1/demo-flags/${id}`],
];

describe("REST: all paths need a key, except the public ones", () => {
  test.each(PROTECTED)("%s %s is 403 without a key, and with a wrong one", async (method, path) => {
    const missing = expectProblem(await call(method, path, { headers: { [HEADER]: undefined } }), 403);
    expect(missing.detail).toContain(HEADER);
    expectProblem(await call(method, path, { headers: { [HEADER]: "wrong" } }), 403);
    // With a key the same request gets further, so the 403 was about the key.
    expect((await call(method, path)).status).not.toBe(403);
  });

  test.each(Object.entries(KEYS))("the key of %s is accepted", async (_, key) => {
    expectStatus(await call("GET", "/api/v1/users/", { headers: { [HEADER]: key } }), 200);
  });

  test.each(["/", "/health", "/ready", "/docs", "/redoc", "/guide", "/explore", "/openapi.json"])(
    "%s needs no key, and ignores a wrong one",
    async (path) => {
      expectStatus(await call("GET", path, { headers: { [HEADER]: undefined } }), 200);
      expectStatus(await call("GET", path, { headers: { [HEADER]: "wrong" } }), 200);
    },
  );

  test.each<[path: string, status: 403 | 404]>([
    ["/api", 403],
    ["/api/v1", 403],
    ["/api/v1/nothing", 403],
    ["/nothing", 404],
    ["/metrics", 404],
    ["/healthy", 404],
    ["/health/x", 404],
    ["/openapi.yaml", 404],
  ])("the unknown path %s reveals nothing without a key", async (path, status) => {
    expectProblem(await call("GET", path, { headers: { [HEADER]: undefined } }), status);
    expectProblem(await call("GET", path), 404);
  });
});

describe("REST: a key must match in full", () => {
  const key = KEYS["goal-planner"];

  test.each([
    ["empty", ""],
    ["cut short", key.slice(0, -1)],
    ["with more behind it", `${key}x`],
    ["of the right length", `${key.slice(0, -1)}X`],
    ["in another case", key.toUpperCase()],
    ["as a list of all keys", Object.values(KEYS).join(",")],
    ["as the JSON of the setting", JSON.stringify(Object.values(KEYS))],
    ["quoted", `"${key}"`],
    ["as a bearer token", `Bearer ${key}`],
    ["the name that the key has in logs", "goal-planner"],
    ["a name on Object.prototype", "constructor"],
    ["a name on Object.prototype", "__proto__"],
    ["beyond ASCII", "goal-planner-key-äbc"],
    ["4,000 characters long", "x".repeat(4_000)],
  ])("%s: 403", async (_, wrong) => {
    expectProblem(await call("GET", "/api/v1/users/", { headers: { [HEADER]: wrong } }), 403);
  });

  test.each([
    ["right and wrong", [key, "wrong"]],
    ["wrong and right", ["wrong", key]],
    ["right and empty", [key, ""]],
    ["two right ones", Object.values(KEYS).slice(0, 2)],
  ])("sent twice, %s: 403", async (_, keys) => {
    const headers = keys.map((value) => `${HEADER}: ${value}`);
    expect((await sendRaw(server.baseUrl, requestHead("GET", "/api/v1/users/", ...headers))).status).toBe(403);
    const one = await sendRaw(server.baseUrl, requestHead("GET", "/api/v1/users/", `${HEADER}: ${key}`));
    expect(one.status).toBe(200);
  });

  test("the header's name is case-insensitive, white space around its value is ignored", async () => {
    const head = requestHead("GET", "/api/v1/users/", `x-fLUX-sERVICE-kEY: \t ${key} \t`);
    expect((await sendRaw(server.baseUrl, head)).status).toBe(200);
  });

  test("a key in the query, in a cookie or in Authorization is ignored", async () => {
    const headers = { [HEADER]: undefined, Authorization: `Bearer ${key}`, Cookie: `${HEADER}=${key}` };
    const path = `/api/v1/users/?${HEADER}=${key}`;
    const answer = await call("GET", path.toLowerCase(), { headers });
    expectProblem(answer, 403);
  });
});

describe("REST: the key is checked before anything else about a request", () => {
  const noKey = { [HEADER]: undefined };

  test("before the path: 404", async () => {
    expectProblem(await call("GET", "/api/v1/nothing", { headers: noKey }), 403);
  });

  test("before the method: 405", async () => {
    const answer = await call("PUT", "/api/v1/users/", { headers: noKey });
    expectProblem(answer, 403);
    expect(answer.headers.get("allow")).toBeNull();
    expectProblem(await call("PUT", "/api/v1/users/"), 405);
  });

  test("before the media type: 415", async () => {
    const headers = { "Content-Type": "text/plain" };
    expectProblem(await call("POST", "/api/v1/users/", { headers: { ...headers, ...noKey }, body: "x" }), 403);
    expectProblem(await call("POST", "/api/v1/users/", { headers, body: "x" }), 415);
  });

  test("before the body and the parameters: 400", async () => {
    expectProblem(await call("POST", "/api/v1/users/", { headers: noKey, body: "{" }), 403);
    expectProblem(await call("GET", "/api/v1/users/?page=x", { headers: noKey }), 403);
    expectProblem(await call("GET", "/api/v1/users/no-uuid", { headers: noKey }), 403);
    expectProblem(await call("GET", "/api/v1/users/%ff%00", { headers: noKey }), 403);
    expectProblem(await call("GET", "/api/v1/users/no-uuid"), 400);
  });

  test("before the length: 413, and before any of the body is sent", async () => {
    const lines = ["Content-Type: application/json", "Content-Length: 5000000"];
    expect((await sendRaw(server.baseUrl, requestHead("POST", "/api/v1/users/", ...lines))).status).toBe(403);
    lines.push(`${HEADER}: wrong`);
    expect((await sendRaw(server.baseUrl, requestHead("POST", "/api/v1/users/", ...lines))).status).toBe(403);
  });

  test("before the rows: a wrong key changes nothing", async () => {
    const user = await createUser(call);
    const path = `/api/v1/users/${user.id}`;
    expectProblem(await call("DELETE", path, { headers: { [HEADER]: "wrong" } }), 403);
    expectProblem(await call("PATCH", path, { headers: { [HEADER]: "wrong" }, body: { name: "Mallory" } }), 403);
    expect(expectStatus(await call("GET", path), 200)).toEqual(user);
  });

  test("also for HEAD and OPTIONS", async () => {
    expect((await call("HEAD", "/api/v1/users/", { headers: noKey })).status).toBe(403);
    expectProblem(await call("OPTIONS", "/api/v1/users/", { headers: noKey }), 403);
  });
});
