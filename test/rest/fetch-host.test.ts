import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp, type DaoApp } from "@flux/dao-http";
import { createLogger } from "@flux/dao-http/server";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { type Answer, checkAnswer, expectProblem, expectStatus } from "./answer.ts";
import { type UserRow, uniqueEmail } from "./rows.ts";

const HOST = "https://api.example.com";
const KEY = "own-key-1";

let database: TestDatabase;
let app: DaoApp;
beforeAll(async () => {
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const logger = createLogger({ level: "silent" });
  app = createDaoApp({ services: database.database, keys: [{ name: "own", key: KEY }], logger, basePath: "/dao" });
});
afterAll(() => database.drop());

async function send<Body = unknown>(path: string, init: RequestInit = {}): Promise<Answer<Body>> {
  const headers = new Headers({ "X-Flux-Service-Key": KEY, "Content-Type": "application/json" });
  for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
  const response = await app.fetch(new Request(HOST + path, { ...init, headers }));
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  const body = isJson && text !== "" ? JSON.parse(text) : undefined;
  const answer: Answer<Body> = { status: response.status, headers: response.headers, text, body };
  checkAnswer(init.method ?? "GET", path, answer);
  return answer;
}

describe("createDaoApp(...).fetch works on any web-standard host", () => {
  test("a row is created, read, changed and deleted; Location starts with the path at which the host mounts the app", async () => {
    const body = JSON.stringify({ name: "Jane", email: uniqueEmail() });
    const created = await send<UserRow>("/api/v1/users/", { method: "POST", body });
    const user = expectStatus(created, 201);
    expect(created.headers.get("location")).toBe(`/dao/api/v1/users/${user.id}`);
    const path = `/api/v1/users/${user.id}`;
    expect(expectStatus(await send(path), 200)).toStrictEqual(user);
    expect(expectStatus(await send(`/api/v1/users?email=${user.email}`), 200)).toMatchObject({ items: [user] });
    const changes = { method: "PATCH", body: '{"name": "Ada"}' };
    expect(expectStatus(await send(path, changes), 200)).toStrictEqual({ ...user, name: "Ada" });
    expectStatus(await send(path, { method: "DELETE" }), 204);
    expectProblem(await send(path), 404);
  });

  test("errors are the same as those of the server", async () => {
    expectProblem(await send("/api/v1/users/", { headers: { "X-Flux-Service-Key": "wrong" } }), 403);
    expectProblem(await send("/nothing"), 404);
    expect((await send("/api/v1/users/", { method: "PUT" })).headers.get("allow")).toMatch(/GET/);
    expectProblem(await send("/api/v1/users/", { method: "POST", body: "{" }), 400);
    const plain = { "Content-Type": "text/plain" };
    expectProblem(await send("/api/v1/users/", { method: "POST", body: "x", headers: plain }), 415);
    expectProblem(await send("/api/v1/users/%zz"), 400);
  });

  test("a body of known length is read at once, and a wrong length is not trusted", async () => {
    const post = (body: string, length: number) => {
      const headers = { "X-Flux-Service-Key": KEY, "Content-Type": "application/json", "Content-Length": `${length}` };
      return new Request(`${HOST}/api/v1/users/`, { method: "POST", body, headers });
    };
    const body = JSON.stringify({ name: "Jane", email: uniqueEmail() });
    const request = post(body, body.length);
    const atOnce = vi.spyOn(request, "arrayBuffer");
    expect((await app.fetch(request)).status).toBe(201);
    expect(atOnce).toHaveBeenCalledTimes(1);
    expect((await app.fetch(post(" ".repeat(1_048_577), 10))).status).toBe(413);
    expect((await app.fetch(post(body, 1_048_577))).status).toBe(413);
  });

  test("413 for a body that is too long, also for a stream of unknown length", async () => {
    expectProblem(await send("/api/v1/users/", { method: "POST", body: "x".repeat(1_048_577) }), 413);
    let sent = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const init: RequestInit & { readonly duplex: "half" } = { method: "POST", body: endless, duplex: "half" };
    expectProblem(await send("/api/v1/users/", init), 413);
    expect(sent).toBeLessThan(2_000_000);
  });

  test("the public paths, and HEAD", async () => {
    for (const path of ["/health", "/ready", "/docs", "/openapi.json"]) {
      expectStatus(await send(path, { headers: { "X-Flux-Service-Key": "" } }), 200);
      const head = await send(path, { method: "HEAD" });
      expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: "" });
    }
  });

  test("fetch is bound: hosts may detach it from the app", async () => {
    const { fetch } = app;
    expect((await fetch(new Request(`${HOST}/health`))).status).toBe(200);
  });
});
