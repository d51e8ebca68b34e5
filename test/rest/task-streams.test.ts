import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { connect, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { createLogger, startServer } from "@flux/dao-http/server";
import postgres from "postgres";
import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createGoal, createUser, type PageOf, type TaskRow } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const IMPORT = "/api/v1/tasks/import";
const NDJSON = { "Content-Type": "application/x-ndjson" };

let userId: string;
let goalId: string;

beforeAll(async () => {
  const owner = await createUser(call);
  userId = owner.id;
  goalId = (await createGoal(call, owner)).id;
});

const line = (fields: object = {}) => JSON.stringify({ user_id: userId, goal_id: goalId, title: "Run", ...fields });
const importLines = (body: string | Uint8Array, headers: object = {}) =>
  call<{ readonly created_count: number }>("POST", IMPORT, { body, headers: { ...NDJSON, ...headers } });

async function countOf(title: string): Promise<number> {
  const { items } = expectStatus(await call<PageOf<TaskRow>>("GET", `/api/v1/tasks/?goal_id=${goalId}`), 200);
  return items.filter((task) => task.title === title).length;
}

/** Creates `count` tasks directly in the database, and returns their goal; long ones are ten times as large. */
async function fillGoal(tasks: number, isLong = false): Promise<string> {
  const owner = await createUser(call);
  const goal = await createGoal(call, owner);
  await server.sql(`insert into tasks (user_id, goal_id, title)
    select '${owner.id}', '${goal.id}', 'Run ' || n || '${isLong ? "🙂".repeat(480) : ""}' from generate_series(1, ${tasks}) as n`);
  return goal.id;
}

describe("POST /tasks/import creates a task for each line, all or none", () => {
  test.each([
    ["one after the other", () => `${line({ title: "a" })}\n${line({ title: "a" })}\n`, "a"],
    ["without an end at the last", () => `${line({ title: "b" })}\n${line({ title: "b" })}`, "b"],
    [
      "with the line ends of Windows, and blank lines",
      () => `\r\n${line({ title: "c" })}\r\n\n  \n${line({ title: "c" })}\r\n\t`,
      "c",
    ],
  ])("lines %s", async (_, body, title) => {
    expect(expectStatus(await importLines(body()), 201)).toEqual({ created_count: 2 });
    expect(await countOf(title)).toBe(2);
  });

  test("an empty body creates nothing; no media type, and both names of it, are accepted", async () => {
    expect(expectStatus(await importLines(""), 201)).toEqual({ created_count: 0 });
    for (const type of [undefined, "application/ndjson", "application/x-ndjson; charset=utf-8"]) {
      expectStatus(await importLines(line({ title: "d" }), { "Content-Type": type }), 201);
    }
    expect(await countOf("d")).toBe(3);
  });

  test("an invalid task is named by its index, and nothing is created", async () => {
    const good = line({ title: "e" });
    expectInvalid(await importLines(`${good}\n${line({ title: "" })}\n`), "1.title");
    expectInvalid(
      await importLines(`${good}\n\n${line({ user_id: 7, milestone_id: "x" })}`),
      "1.user_id",
      "1.milestone_id",
    );
    expectInvalid(await importLines(`${good}\n{"title":\n`), "1");
    expectInvalid(await importLines(`${good}\n${good}\n[]`), "2");
    expectInvalid(await importLines(`${good}\n"text"`), "1");
    expectInvalid(await importLines(new Uint8Array([...Buffer.from(`${good}\n"`), 0xff, 0x22])), "1");
    const missing = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
    const problem = expectProblem(await importLines(`${good}\n${line({ milestone_id: missing })}`), 422);
    expect(problem).toMatchObject({ field: "milestone_id", id: missing });
    expect(await countOf("e")).toBe(0);
  });

  test("a client-supplied id makes a second import a conflict", async () => {
    const body = line({ title: "f", id: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d60" });
    expectStatus(await importLines(body), 201);
    expectProblem(await importLines(body), 409);
    expect(await countOf("f")).toBe(1);
  });

  test("another media type, a compressed body, a line over the limit and an idempotency key are rejected", async () => {
    for (const type of ["application/json", "application/x-ndjsonl", "application/x-ndjson; charset=utf-16"]) {
      expectProblem(await importLines(line(), { "Content-Type": type }), 415);
    }
    expectProblem(await importLines(line(), { "Content-Encoding": "gzip" }), 415);
    expectProblem(await importLines(`${line()}\n${line({ calendar_event_id: "x".repeat(1_100_000) })}`), 413);
    expectInvalid(await importLines(line(), { "Idempotency-Key": "import-1" }), "Idempotency-Key");
  });

  test("a body may be larger than the limit for one request, as long as its lines are not", async () => {
    const goal = await fillGoal(0);
    const owner = await createUser(call);
    const long = line({ user_id: owner.id, goal_id: goal, title: "🙂".repeat(500) });
    const body = `${long}\n`.repeat(1_500);
    expect(Buffer.byteLength(body)).toBeGreaterThan(3_000_000);
    expect(expectStatus(await importLines(body), 201)).toEqual({ created_count: 1_500 });
  });

  test("an import that is cut off creates nothing", async () => {
    const { port, hostname } = new URL(server.baseUrl);
    const socket = connect(Number(port), hostname);
    const text = `${line({ title: "g" })}\n`.repeat(1_500);
    socket.write(
      `POST ${IMPORT} HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${KEYS.scheduler}\r\nContent-Length: 9000000\r\n\r\n${text}`,
    );
    await delay(200);
    socket.destroy();
    await expect
      .poll(() => server.logLines().filter((entry) => entry.includes(IMPORT) && entry.includes('"caller":"scheduler"')))
      .toHaveLength(1);
    expect(await countOf("g")).toBe(0);
  });
});

describe("GET /tasks/stream returns every task on a line of its own", () => {
  test("newest first, as the list does", async () => {
    const goal = await fillGoal(3);
    const { text, headers } = await call("GET", `/api/v1/tasks/stream?goal_id=${goal}`);
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    const { items } = expectStatus(await call<PageOf<TaskRow>>("GET", `/api/v1/tasks/?goal_id=${goal}`), 200);
    expect(text).toBe(items.map((task) => `${JSON.stringify(task)}\n`).join(""));
    expect((await call("HEAD", `/api/v1/tasks/stream?goal_id=${goal}`)).status).toBe(200);
    expect((await call("GET", "/api/v1/tasks/stream?goal_id=0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e")).text).toBe("");
  });

  test("with cursors between them, and a last line, if they are requested", async () => {
    const goal = await fillGoal(2_500);
    const path = `/api/v1/tasks/stream?goal_id=${goal}`;
    const { text } = await call("GET", path);
    const rows = text.split("\n").slice(0, -1);
    const lines = (await call("GET", `${path}&cursors=true`)).text.split("\n").slice(0, -1);
    const isCursor = (line: string) => line.startsWith('{"next_cursor":');
    expect(lines.filter((line) => !isCursor(line))).toEqual(rows);
    expect(lines.filter(isCursor)).toHaveLength(10);
    expect(lines.at(-1)).toBe('{"next_cursor":null}');
    const place = lines.findIndex(isCursor);
    const rest = await call("GET", `${path}&cursors=false&cursor=${JSON.parse(lines[place] ?? "").next_cursor}`);
    expect(rest.text.split("\n").slice(0, -1)).toEqual(rows.slice(place));
    const none = await call("GET", "/api/v1/tasks/stream?goal_id=0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e&cursors=true");
    expect(none.text).toBe('{"next_cursor":null}\n');
    expectInvalid(await call("GET", `${path}&cursors=yes`), "cursors");
    expectInvalid(await call("GET", `${path}&cursor=yes`), "cursor");
  });

  test("a reader that is slower than the server's time-out gets each task once", async () => {
    // More than the socket buffers of both sides hold.
    const goal = await fillGoal(9_000, true);
    const logger = createLogger({ level: "silent" });
    const app = createDaoApp({ services: server.database, keys: [{ name: "job", key: "job-key" }], logger });
    let cutOff = 0;
    const onConnection = (message: unknown) => {
      const socket: unknown = Reflect.get(Object(message), "socket");
      if (socket instanceof Socket) socket.once("close", () => cutOff++);
    };
    subscribe("net.server.socket", onConnection);
    await using impatient = await startServer({
      app,
      port: 0,
      logger,
      sendTimeout: 200,
      stopDelay: 0,
      gracePeriod: 100,
    });
    let breaks = 0;
    const onRetry = () => {
      breaks++;
    };
    const { tasks } = createDaoClient({ baseUrl: impatient.url, serviceKey: "job-key", retry: { onRetry } });
    const ids = new Set<string>();
    let count = 0;
    for await (const { id } of tasks.streamTasks({ goalId: goal })) {
      ids.add(id);
      // Until the service has disconnected it: everything before is read first.
      if (count++ === 0) await expect.poll(() => cutOff).toBeGreaterThan(0);
    }
    unsubscribe("net.server.socket", onConnection);
    expect([count, ids.size]).toEqual([9_000, 9_000]);
    expect(breaks).toBeGreaterThan(0);
  });

  test("an invalid filter is a problem", async () => {
    expectInvalid(await call("GET", "/api/v1/tasks/stream?state=done"), "state");
    expectInvalid(await call("GET", "/api/v1/tasks/stream?page=1"), "page");
    expectProblem(await call("GET", "/api/v1/tasks/stream", { headers: { "X-Flux-Service-Key": "wrong" } }), 403);
  });

  test("a response that fails halfway is cut off, not ended, and its cause is logged", async () => {
    const goal = await fillGoal(4_500, true);
    const response = await fetch(`${server.baseUrl}/api/v1/tasks/stream?goal_id=${goal}`, {
      headers: { "X-Flux-Service-Key": KEYS.observer },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    await server.sql("alter table tasks rename column title to name");
    const readAll = async () => {
      while (!(await reader?.read())?.done);
    };
    await expect(readAll()).rejects.toThrow();
    await server.sql("alter table tasks rename column name to title");
    await expect
      .poll(() =>
        server
          .logLines()
          .filter((entry) => entry.includes("request failed"))
          .at(-1),
      )
      .toMatch(/"path":"\/api\/v1\/tasks\/stream","status":500/);
  });

  test("the client reports a broken stream, and reads a complete one from a fetch host", async () => {
    const goal = await fillGoal(5_000);
    const serviceKey = KEYS.observer;
    const logger = createLogger({ level: "silent" });
    const app = createDaoApp({ services: server.database, keys: [{ name: "observer", key: serviceKey }], logger });
    const fetchApp = (url: string, init: RequestInit) => app.fetch(new Request(url, init));
    const { tasks } = createDaoClient({ baseUrl: "http://host", serviceKey, fetch: fetchApp });
    let count = 0;
    for await (const task of tasks.streamTasks({ goalId: goal })) if (task.createdAt instanceof Date) count++;
    expect(count).toBe(5_000);
    const cut = createDaoClient({
      baseUrl: server.baseUrl,
      serviceKey,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        const text = await response.text();
        const body = new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(text.slice(0, 10_000))),
          pull: (controller) => controller.error(new TypeError("terminated")),
        });
        return new Response(body, { headers: response.headers });
      },
    });
    const readCut = async () => {
      for await (const _ of cut.tasks.streamTasks({ goalId: goal }));
    };
    await expect(readCut()).rejects.toBeInstanceOf(UnavailableError);
  });

  test("a reader that half-closes after the request gets all of it", async () => {
    const goal = await fillGoal(4_500, true);
    const { port, hostname } = new URL(server.baseUrl);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const head = `GET /api/v1/tasks/stream?goal_id=${goal} HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${KEYS.observer}`;
    socket.end(`${head}\r\n\r\n`);
    await closed;
    expect(text.match(/"calendar_event_id"/g)).toHaveLength(4_500);
    expect(text.endsWith("\r\n0\r\n\r\n")).toBe(true);
  });

  test("a reader that disconnects ends the running query", async () => {
    const goal = await fillGoal(4_500, true);
    const sql = postgres(server.databaseUrl, { max: 2 });
    const waiting = async () => {
      const rows = await sql`select 1 from pg_stat_activity
        where datname = current_database() and application_name = 'flux-dao' and wait_event_type = 'Lock'`;
      return rows.length;
    };
    const failures = () => server.logLines().filter((entry) => entry.includes('"status":500')).length;
    const failed = failures();
    const leave = new AbortController();
    try {
      await sql.begin(async (transaction) => {
        const response = await fetch(`${server.baseUrl}/api/v1/tasks/stream?goal_id=${goal}`, {
          headers: { "X-Flux-Service-Key": KEYS.observer },
          signal: leave.signal,
        });
        await transaction`lock table tasks in access exclusive mode`;
        const reading = response.text().catch(() => undefined);
        await expect.poll(waiting).toBe(1);
        leave.abort();
        await reading;
        // Before the lock time-out of ten seconds.
        await expect.poll(waiting, { timeout: 8_000 }).toBe(0);
      });
      // A reader that disconnects is not a failure of the service.
      expect(failures()).toBe(failed);
    } finally {
      await sql.end();
    }
  });
});
