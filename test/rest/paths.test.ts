import { describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "./answer.ts";
import { requestHead, sendRaw } from "./raw-socket.ts";
import { createOwner, createUser, unknownId } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const id = unknownId();

/** The guide's reference: the methods of each path. */
const METHODS: readonly [path: string, methods: readonly string[]][] = [
  ["/api/v1/users", ["GET", "POST"]],
  [`/api/v1/users/${id}`, ["DELETE", "GET", "PATCH"]],
  ["/api/v1/goals", ["GET", "POST"]],
  ["/api/v1/goals/with-structure", ["POST"]],
  [`/api/v1/goals/${id}`, ["DELETE", "GET", "PATCH"]],
  [`/api/v1/goals/${id}/full`, ["GET"]],
  ["/api/v1/tasks", ["GET", "POST"]],
  ["/api/v1/tasks/by-timerange", ["GET"]],
  ["/api/v1/tasks/statistics", ["GET"]],
  ["/api/v1/tasks/bulk-update-state", ["POST"]],
  [`/api/v1/tasks/${id}`, ["DELETE", "GET", "PATCH"]],
  [`/api/v1/tasks/${id}/calendar-event`, ["PATCH"]],
  ["/api/v1/milestones", ["GET", "POST"]],
  [`/api/v1/milestones/${id}`, ["DELETE", "GET", "PATCH"]],
  ["/api/v1/conversations", ["GET", "POST"]],
  [`/api/v1/conversations/${id}`, ["GET", "PATCH"]],
  [`/api/v1/demo-flags/${id}`, ["GET", "PUT"]],
  ["/api/v1/batch", ["POST"]],
  ["/health", ["GET"]],
  ["/ready", ["GET"]],
  ["/docs", ["GET"]],
  ["/redoc", ["GET"]],
  ["/guide", ["GET"]],
  ["/explore", ["GET"]],
  ["/", ["GET"]],
  ["/openapi.json", ["GET"]],
];

describe("Errors: 405 for a method that the path does not support; Allow lists those that it does", () => {
  test.each(METHODS)("%s", async (path, methods) => {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      if (methods.includes(method)) continue;
      for (const slash of ["", "/"]) {
        const answer = await call(method, path + slash);
        expectProblem(answer, 405);
        const allowed = (answer.headers.get("allow") ?? "").split(/, */).sort();
        // HEAD comes with GET (RFC 9110, 9.3.2), and OPTIONS may be listed as well.
        expect(
          allowed.filter((name) => name !== "HEAD" && name !== "OPTIONS"),
          `${method} ${path}`,
        ).toEqual(methods);
      }
    }
  });

  test("405 precedes the body: neither its type nor its content is checked", async () => {
    expectProblem(await call("PUT", "/api/v1/users/", { body: "{", headers: { "Content-Type": "text/plain" } }), 405);
  });
});

describe("REST: a path with and without a trailing slash is the same resource, never a redirect", () => {
  test.each(METHODS)("%s", async (path, methods) => {
    for (const method of methods) {
      const body = method === "GET" || method === "DELETE" ? {} : { body: {} };
      const [without, withSlash] = [await call(method, path, body), await call(method, `${path}/`, body)];
      expect(withSlash.status).toBe(without.status);
      expect(withSlash.headers.get("content-type")).toBe(without.headers.get("content-type"));
      expect(without.status).not.toBe(405);
    }
  });

  test("also for existing rows, and with a query", async () => {
    const user = await createUser(call);
    for (const path of [`/api/v1/users/${user.id}`, `/api/v1/users/${user.id}/`]) {
      expect(expectStatus(await call("GET", path), 200)).toStrictEqual(user);
    }
    for (const path of ["/api/v1/users?", "/api/v1/users/?"]) {
      expect(expectStatus(await call("GET", `${path}email=${user.email}`), 200)).toMatchObject({ items: [user] });
    }
    expectStatus(await call("POST", "/api/v1/users", { body: { name: "x", email: `${id}@example.com` } }), 201);
    const goal = await createOwner(call);
    expectStatus(await call("GET", `/api/v1/goals/${goal.id}/full/`), 200);
    expectStatus(await call("DELETE", `/api/v1/goals/${goal.id}/`), 204);
  });
});

describe("Errors: 404 for an unknown path", () => {
  test.each([
    "/api",
    "/api/v1",
    "/api/v1/",
    "/api/v2/users/",
    "/users/",
    "/api/v1/user/",
    "/API/v1/users/",
    "/api/v1/Users/",
    "/api/v1/users//",
    "//api/v1/users/",
    "/api//v1/users/",
    `/api/v1/users/${id}/full`,
    `/api/v1/users/${id}/goals`,
    `/api/v1/goals/${id}/full/x`,
    `/api/v1/tasks/${id}/calendar-events`,
    "/api/v1/demo-flags",
    "/api/v1/demo-flags/",
    "/api/v1/demo_flags/",
    "/docs/../openapi.yaml",
    "/favicon.ico",
    "/constructor",
    "/api/v1/__proto__",
  ])("%s, by every method", async (path) => {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) expectProblem(await call(method, path), 404);
  });
});

describe("REST: HEAD is GET without the body (RFC 9110)", () => {
  test.each(["/health", "/ready", "/openapi.json", "/api/v1/users/", "/api/v1/nothing", `/api/v1/users/${id}`])(
    "%s",
    async (path) => {
      const [get, head] = [await call("GET", path), await call("HEAD", path)];
      expect(head.status).toBe(get.status);
      expect(head.text).toBe("");
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    },
  );
});

describe("REST: unusual paths get a documented response, and the server keeps running", () => {
  const key = `X-Flux-Service-Key: ${KEYS["goal-planner"]}`;

  test.each([
    "/api/v1/users/%",
    "/api/v1/users/%zz",
    "/api/v1/users/%ff",
    "/api/v1/users/%00",
    "/api/v1/users/%ED%A0%80",
    "/api/v1/users/%2e%2e",
    "/api/v1/users/..",
    "/api/v1/users/%2F",
    "/api/v1/users/..%2f..%2fetc%2fpasswd",
    "/api/v1/users/%22%3E%3Cscript%3E",
    "/api/v1/users/'%20or%201=1--",
    "/api/v1/users/;v=1",
    "/docs/%2e%2e/%2e%2e/package.json",
    "/docs/..%2f..%2fpackage.json",
    "/redoc/%00",
    "/%",
    "/%c0%ae%c0%ae/",
    "/api/v1/users/?%",
    "/api/v1/users/?page=%",
    "/api/v1/users/?email=%ff",
    "/api/v1/users/?email=%ED%A0%80",
    "/api/v1/users/?%00=1",
    "/api/v1/users/?=",
    "/api/v1/users/?&&&",
    "/api/v1/users/?page",
    "http://elsewhere.example/api/v1/users/%zz",
    "*",
  ])("%s", async (target) => {
    const answer = await sendRaw(server.baseUrl, requestHead("GET", target, key));
    expect([200, 400, 404]).toContain(answer.status);
    expect(answer.headers["content-type"]).toMatch(/^application\/(problem\+)?json\b/);
    expect(answer.text).not.toMatch(/\broot:|"devDependencies"|URIError|TypeError/);
    expectStatus(await call("GET", "/health"), 200);
  });

  test("a percent-encoded letter is equivalent to the letter", async () => {
    const user = await createUser(call);
    const encoded = `%${user.id.charCodeAt(0).toString(16)}${user.id.slice(1)}`;
    expect(expectStatus(await call("GET", `/api/v1/users/${encoded}`), 200)).toStrictEqual(user);
    expect(expectStatus(await call("GET", `/api/v1/users/?em%61il=${user.email}`), 200)).toMatchObject({
      items: [user],
    });
  });

  test("a very long URL gets a documented response or is rejected by the HTTP parser, and the server keeps running", async () => {
    expectProblem(await call("GET", `/api/v1/users/${"x".repeat(8_000)}`), 400);
    expectProblem(await call("GET", `/api/v1/users/?email=${"x".repeat(8_000)}&x=1`), 400);
    const tooLong = await sendRaw(
      server.baseUrl,
      requestHead("GET", `/api/v1/users/?email=${"x".repeat(100_000)}`, key),
    );
    expect([414, 431]).toContain(tooLong.status);
    expectStatus(await call("GET", "/health"), 200);
  });

  test("many headers are fine, too many are rejected by the HTTP parser, and the server keeps running", async () => {
    const headers = (count: number) => Array.from({ length: count }, (_, index) => `X-Header-${index}: ${index}`);
    expect((await sendRaw(server.baseUrl, requestHead("GET", "/api/v1/users/", key, ...headers(300)))).status).toBe(
      200,
    );
    // Beyond its limit Node drops headers silently, but never the key.
    const many = await sendRaw(
      server.baseUrl,
      requestHead("GET", "/api/v1/users/", ...headers(900), "X-Flux-Service-Key: x"),
    );
    expect([403, 431]).toContain(many.status);
    const large = await sendRaw(
      server.baseUrl,
      requestHead("GET", "/api/v1/users/", key, `X-Large: ${"x".repeat(100_000)}`),
    );
    expect(large.status).toBe(431);
    expectStatus(await call("GET", "/health"), 200);
  });
});
