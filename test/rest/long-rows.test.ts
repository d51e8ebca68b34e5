import { connect } from "node:net";
import { createDaoServices, versionOf } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { createLogger } from "@flux/dao-http/server";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { expectProblem, expectStatus } from "./answer.ts";
import { uniqueEmail } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer({ poolSize: 4 });
const { call, sql } = server;
const services = () => createDaoServices(server.database);
const key = KEYS["goal-planner"];

async function newUser(): Promise<string> {
  return (await services().users.createUser({ name: "Reader", email: uniqueEmail() })).id;
}

/** Inserts conversations as another writer would, newest last; `messages` is SQL. */
async function insertConversations(userId: string, count: number, messages: string): Promise<void> {
  await sql(`insert into conversations (user_id, messages, created_at)
    select '${userId}', ${messages}, now() + n * interval '1 second' from generate_series(1, ${count}) n`);
}

const pageDto = z.object({ items: z.array(z.unknown()), total: z.number() });

const megabyte = "jsonb_build_array(n, repeat(md5(n::text), 32768))";

describe("a list of long rows", () => {
  test("returns what the service returns, with its links and its total", async () => {
    const userId = await newUser();
    await insertConversations(userId, 6, megabyte);
    const client = createDaoClient({ baseUrl: server.baseUrl, serviceKey: key });
    const page = await client.conversations.listConversations({ userId, pageSize: 5 });
    const expected = await services().conversations.listConversations({ userId, pageSize: 5 });
    expect(page).toEqual(expected);
    const answer = await call("GET", `/api/v1/conversations/?user_id=${userId}&limit=5`);
    expectStatus(answer, 200);
    expect(answer.headers.get("link")).toContain(`cursor=${expected.nextCursor}`);
    expect(answer.headers.get("content-length")).toBeNull();
  });

  test("is streamed on a fetch host, and is not read further once the reader has gone", async () => {
    const userId = await newUser();
    await insertConversations(userId, 6, megabyte);
    const logger = createLogger({ level: "silent" });
    const app = createDaoApp({ services: server.database, keys: [{ name: "own", key }], logger });
    const request = new Request(`http://localhost/api/v1/conversations/?user_id=${userId}`, {
      headers: { "X-Flux-Service-Key": key },
    });
    const list = async () => pageDto.parse(await (await app.fetch(request)).json());
    expect((await list()).items).toHaveLength(6);
    const response = await app.fetch(request);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect((await list()).total).toBe(6);
  });

  test("is cut off if a row cannot be read, so that no reader mistakes it for complete", async () => {
    const userId = await newUser();
    await insertConversations(userId, 2, "jsonb_build_array(repeat(md5(n::text), 400000))");
    const { hostname, port } = new URL(server.baseUrl);
    const received = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(Number(port), hostname);
      const query = `GET /api/v1/conversations/?user_id=${userId} HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\n\r\n`;
      socket.on("error", () => undefined).on("close", () => resolve(text));
      socket.once("data", (first) => {
        text += first;
        socket.pause();
        sql(`update conversations set status = 'changed' where user_id = '${userId}'`).then(() => {
          socket.on("data", (bytes) => {
            text = (text + bytes).slice(-20);
          });
          socket.resume();
        });
      });
      socket.write(query);
    });
    expect(received.endsWith("0\r\n\r\n")).toBe(false);
    expect(server.logLines().filter((line) => line.includes("The row changed while it was read"))).toHaveLength(1);
  });
});

describe("one long row", () => {
  test("has the ETag of its version, and is 304 for readers that have that version", async () => {
    const userId = await newUser();
    await insertConversations(
      userId,
      1,
      "jsonb_build_array(repeat(E'\\u00e4\\n', 1000000), 1e20, '{\"10\":1,\"9\":2}'::jsonb)",
    );
    const [row] = (await services().conversations.listConversations({ userId })).items;
    if (row === undefined) throw new Error("no row");
    const path = `/api/v1/conversations/${row.id}`;
    const answer = await call<{ messages: unknown }>("GET", path);
    expect(answer.headers.get("etag")).toBe(`"${versionOf(row)}"`);
    expect(answer.body.messages).toEqual(row.messages);
    const etag = answer.headers.get("etag") ?? "";
    expectStatus(await call("GET", path, { headers: { "If-None-Match": etag } }), 304);
    expectProblem(await call("GET", path, { headers: { "If-Match": '"another"' } }), 412);
    const head = await fetch(server.baseUrl + path, { method: "HEAD", headers: { "X-Flux-Service-Key": key } });
    expect([head.status, head.headers.get("etag")]).toEqual([200, etag]);
  });

  test("of over 8 MiB is sent in parts, without an ETag", async () => {
    const userId = await newUser();
    await insertConversations(userId, 1, "jsonb_build_array(repeat('long', 3000000))");
    const [row] = (await services().conversations.listConversations({ userId })).items;
    const answer = await call<{ messages: unknown }>("GET", `/api/v1/conversations/${row?.id}`);
    expect(answer.headers.get("etag")).toBeNull();
    expect(answer.body.messages).toEqual(row?.messages);
  });

  test.each([
    ["a megabyte", megabyte.replaceAll("n::text", "'x'").replace("n,", ""), true],
    ["over 8 MiB", "jsonb_build_array(repeat('long', 3000000))", false],
  ])("is returned in pieces by an update, as updated: %s", async (_, messages, hasTag) => {
    const userId = await newUser();
    await insertConversations(userId, 1, messages);
    const [row] = (await services().conversations.listConversations({ userId })).items;
    if (row === undefined) throw new Error("no row");
    const path = `/api/v1/conversations/${row.id}`;
    let tag = "*";
    for (const [index, status] of ["without a condition", "if it exists", "if it is unchanged"].entries()) {
      const headers = index === 0 ? {} : { "If-Match": tag };
      const answer = await call<{ messages: unknown; status: string }>("PATCH", path, { body: { status }, headers });
      expectStatus(answer, 200);
      expect(answer.body).toMatchObject({ messages: row.messages, status });
      const version = `"${versionOf(await services().conversations.getConversation(row.id))}"`;
      expect(answer.headers.get("etag")).toBe(hasTag ? version : null);
      // It is sent while it is read.
      expect(answer.headers.get("transfer-encoding")).toBe("chunked");
      if (index > 0) tag = version;
    }
  });

  test("an update of a missing row is a 404, an invalid one a 400", async () => {
    const path = "/api/v1/goals/00000000-0000-7000-8000-000000000000";
    expectProblem(await call("PATCH", path, { body: { status: "x" } }), 404);
    expectProblem(await call("PATCH", path, { body: { title: "" } }), 400);
  });

  test("does not grow beyond 8 MiB: 413, which the client turns into a ValidationError", async () => {
    const userId = await newUser();
    await insertConversations(userId, 1, "jsonb_build_array(repeat('long', 2097000))");
    const [row] = (await services().conversations.listConversations({ userId })).items;
    const path = `/api/v1/conversations/${row?.id}/messages`;
    const messages = ["x".repeat(2_000)];
    const answer = await call<{ errors: { path: string }[] }>("POST", path, { body: { messages } });
    expectProblem(answer, 413);
    expect(answer.body.errors[0]?.path).toBe("messages");
    const client = createDaoClient({ baseUrl: server.baseUrl, serviceKey: key });
    await expect(client.conversations.appendMessages(row?.id ?? "", { messages })).rejects.toMatchObject({
      code: "validation_failed",
      isTooLarge: true,
      issues: [{ path: "messages" }],
    });
  });
});

test("a goal with many long tasks, and its range, are what the services return", async () => {
  const userId = await newUser();
  const { id: goalId } = await services().goals.createGoal({ userId, title: "many", timeline: '"\n'.repeat(400_000) });
  await sql(`insert into tasks (user_id, goal_id, title, start_time)
    select '${userId}', '${goalId}', 'task ' || n, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute' from generate_series(1, 1500) n`);
  const client = createDaoClient({ baseUrl: server.baseUrl, serviceKey: key });
  expect(await client.goals.getGoalFull(goalId)).toEqual(await services().goals.getGoalFull(goalId));
  const range = { userId, startTime: new Date("2026-01-01T00:00:00Z"), endTime: new Date("2026-01-09T00:00:00Z") };
  expect(await client.tasks.getTasksByTimerange(range)).toEqual(await services().tasks.getTasksByTimerange(range));
});
