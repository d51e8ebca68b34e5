import { createServer, request } from "node:http";
import { json } from "node:stream/consumers";
import { DaoUnitOfWork } from "@flux/dao-core";
import { createTestDatabase, makeGoalData, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp, type DaoAppOptions, toNodeListener } from "@flux/dao-http";
import { createLogger } from "@flux/dao-http/server";
import Fastify from "fastify";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { fastifyHost } from "../examples/mounting/fastify.ts";
import { hosts, type RunningHost } from "../examples/mounting/hosts.ts";
import { listen } from "../examples/mounting/listen.ts";
import { untilBlocked } from "./blocked-sessions.ts";
import { within } from "./within.ts";

const KEY = "mounting-key";

const bodyOf = async (answer: Response | undefined) => JSON.parse((await answer?.text()) ?? "");

let testDatabase: TestDatabase;
let options: DaoAppOptions;
/** A connection of the test's own, to inspect the database. */
let sql: postgres.Sql;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(testDatabase.url, { max: 1 });
  const logger = createLogger({ level: "silent" });
  options = { services: testDatabase.database, keys: [{ name: "mounting", key: KEY }], logger };
});
afterAll(async () => {
  await sql.end();
  await testDatabase.drop();
});

describe.each(Object.entries(hosts))("mounted on %s, at /data", (_, start) => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await start(options, 0);
  });
  afterAll(() => host.stop());

  const send = (path: string, init: RequestInit = {}) => {
    const type = path.endsWith("/import") ? "application/x-ndjson" : "application/json";
    const headers = { "X-Flux-Service-Key": KEY, ...(init.body != null && { "Content-Type": type }), ...init.headers };
    return fetch(new URL(path, host.url), { ...init, headers });
  };
  const post = (path: string, body: unknown) => send(path, { method: "POST", body: JSON.stringify(body) });
  const totalWith = async (email: string) => (await testDatabase.database.users.list({ email })).total;

  test("a row is created, and its Location leads to it", async () => {
    const created = await post("/data/api/v1/users/", makeUserData());
    expect(created.status).toBe(201);
    const location = created.headers.get("location") ?? "";
    const user = await bodyOf(created);
    expect(location).toBe(`/data/api/v1/users/${user.id}`);
    expect(await bodyOf(await send(location))).toEqual(user);
  });

  test("a list's Link header leads to the next page", async () => {
    for (const data of [makeUserData(), makeUserData()]) await testDatabase.database.users.create(data);
    const first = await send("/data/api/v1/users?page_size=1");
    const [, next = ""] = /<([^>]*)>; rel="next"/.exec(first.headers.get("link") ?? "") ?? [];
    const second = await send(new URL(next, first.url).href);
    expect(second.status).toBe(200);
    expect((await bodyOf(second)).items[0].id).not.toBe((await bodyOf(first)).items[0].id);
  });

  test.each([
    { path: "/data/api/v1/users/", init: { method: "POST", body: "{" }, status: 400 },
    { path: "/data/api/v1/users/", init: { headers: { "X-Flux-Service-Key": "wrong" } }, status: 403 },
    { path: "/data/nothing", init: {}, status: 404 },
    { path: "/data/api/v1/users/", init: { method: "OPTIONS" }, status: 405 },
    { path: "/data/api/v1/users/", init: { method: "POST", body: "x".repeat(1_048_577) }, status: 413 },
    {
      path: "/data/api/v1/users/",
      init: { method: "POST", body: "x", headers: { "Content-Type": "a/b" } },
      status: 415,
    },
  ])("$status is a problem document that names the caller's own path", async ({ path, init, status }) => {
    const answer = await send(path, init);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await bodyOf(answer)).toMatchObject({ status, instance: path });
    if (status === 405) expect(answer.headers.get("allow")).toBe("GET, HEAD, POST");
  });

  test("HEAD returns what GET does, without the body", async () => {
    for (const path of ["/data/api/v1/users/", "/data/health", "/data/docs"]) {
      const [head, get] = [await send(path, { method: "HEAD" }), await send(path)];
      expect([head.status, await head.text()]).toEqual([200, ""]);
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
      await get.text();
    }
  });

  test("tasks are imported from NDJSON, and streamed", async () => {
    const { users, goals } = testDatabase.database;
    const { id: userId } = await users.create(makeUserData());
    const { id: goalId } = await goals.create(makeGoalData(userId));
    const line = JSON.stringify({ user_id: userId, goal_id: goalId, title: "Run" });
    const imported = await send("/data/api/v1/tasks/import", { method: "POST", body: `${line}\n`.repeat(2_500) });
    expect(await bodyOf(imported)).toEqual({ created_count: 2_500 });
    const stream = await send(`/data/api/v1/tasks/stream?goal_id=${goalId}`);
    expect((await stream.text()).trimEnd().split("\n")).toHaveLength(2_500);
  });

  test("a client that disconnects in the middle of its body, or of its response, does not affect other requests", async () => {
    const data = makeUserData();
    const { hostname, port } = new URL(host.url);
    const headers = { "X-Flux-Service-Key": KEY, "Content-Type": "application/json", "Content-Length": "1000" };
    await new Promise<void>((resolve) => {
      const upload = request({ hostname, port, method: "POST", path: "/data/api/v1/users/", headers });
      upload.on("error", () => resolve());
      upload.write(JSON.stringify(data), () => setTimeout(() => upload.destroy(new Error("gone")), 20));
    });
    const controller = new AbortController();
    const stream = await send("/data/api/v1/tasks/stream", { signal: controller.signal });
    await stream.body?.getReader().read();
    controller.abort();
    expect((await send("/data/health")).status).toBe(200);
    expect(await totalWith(data.email)).toBe(0);
  });

  test.each(["/data/docs", "/data/docs/", "/data/redoc", "/data/redoc/"])("%s loads all of its files", async (path) => {
    const page = await send(path);
    const links = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
    const loaded = links.filter((link) => !link.startsWith("data:")).map((link) => new URL(link, page.url).href);
    expect(loaded.length).toBeGreaterThan(1);
    for (const url of loaded) {
      const asset = await send(url);
      expect([url, asset.status]).toEqual([url, 200]);
      expect(asset.headers.get("content-type")).toMatch(url.endsWith(".css") ? /css/ : /javascript/);
      expect((await asset.text()).length).toBeGreaterThan(100);
    }
  });

  test("the OpenAPI document says where the API is", async () => {
    const answer = await send("/data/openapi.json");
    const [server] = (await bodyOf(answer)).servers;
    expect(new URL(`${new URL(server.url, answer.url)}api/v1/users/`).pathname).toBe("/data/api/v1/users/");
  });

  test("the host's own routes still work", async () => {
    expect(await bodyOf(await post("/echo", { own: true }))).toEqual({ own: true });
  });

  test("a stop lets a request finish, with its whole response", async () => {
    const other = await start(options, 0);
    const { users } = testDatabase.database;
    const user = await users.create(makeUserData());
    let answer: Promise<Response> | undefined;
    let stopped: Promise<void> | undefined;
    await DaoUnitOfWork.run(testDatabase.database, async (uow) => {
      await uow.users.lockById(user.id);
      const init = { method: "PATCH", body: '{"name": "Ada"}' };
      answer = send(`${other.url}/data/api/v1/users/${user.id}`, init);
      await untilBlocked(sql);
      stopped = other.stop();
    });
    expect(await bodyOf(await answer)).toMatchObject({ name: "Ada" });
    // The connection is not kept for another request.
    await within(2_000, async () => stopped);
    await expect(send(`${other.url}/data/health`)).rejects.toThrow();
  });
});

test("requests of Fastify's inject, which have no connection, get their responses at once", async () => {
  const { app } = fastifyHost(options);
  const headers = { "X-Flux-Service-Key": KEY, "Content-Type": "application/json" };
  const post = (payload: string, more = {}) =>
    app.inject({ method: "POST", url: "/data/api/v1/users/", headers: { ...headers, ...more }, payload });
  await within(900, async () => {
    expect((await post(JSON.stringify(makeUserData()))).statusCode).toBe(201);
    expect((await post("{}", { "X-Flux-Service-Key": "wrong" })).statusCode).toBe(403);
    expect((await post("x".repeat(1_048_577))).statusCode).toBe(413);
  });
  expect((await app.inject({ url: "/data/api/v1/tasks/stream", headers })).statusCode).toBe(200);
  await app.close();
});

describe("a host that has consumed the body", () => {
  const dao = () => createDaoApp({ ...options, basePath: "/data" });
  const tooLate = {
    // As express.json() does.
    async "node:http"() {
      const answer = toNodeListener(dao().handle);
      const server = createServer((incoming, outgoing) => json(incoming).then(() => answer(incoming, outgoing)));
      return listen(server, dao(), 0);
    },
    async Fastify() {
      const app = Fastify();
      const answer = toNodeListener(dao().handle);
      app.all("/data/*", (incoming, reply) => {
        reply.hijack();
        answer(incoming.raw, reply.raw);
      });
      return { url: await app.listen({ port: 0 }), stop: () => app.close() };
    },
  };

  test.each(Object.entries(tooLate))("%s: the response explains the cause, and does not hang", async (_, start) => {
    const host = await start();
    const answer = await fetch(`${host.url}/data/api/v1/users/`, {
      method: "POST",
      headers: { "X-Flux-Service-Key": KEY, "Content-Type": "application/json" },
      body: JSON.stringify(makeUserData()),
    });
    expect(answer.status).toBe(500);
    expect((await bodyOf(answer)).detail).toMatch(/Mount the app before express\.json\(\)/);
    await host.stop();
  });
});
