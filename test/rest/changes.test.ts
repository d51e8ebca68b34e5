import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createDaoServices } from "@flux/dao-core";
import { createTestDatabase, makeUserData } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import postgres from "postgres";
import { describe, expect, inject, test, vi } from "vitest";
import { within } from "../within.ts";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { type Change, openStream } from "./change-stream.ts";
import { createOwner, createTask, createUser } from "./rows.ts";
import { INSTANT, KEYS, type RestServer, startRestServer, useRestServer } from "./server.ts";

const server = useRestServer({ changes: true, poolSize: 4 });
const { call } = server;

interface ChangesPage {
  readonly items: readonly Change[];
  readonly next_cursor: string;
  readonly has_next: boolean;
}

const CHANGES = "/api/v1/changes";
const CURSOR = /^\d+-[0-9a-f]+$/;

const list = async (query: string, from: Pick<RestServer, "call"> = server) =>
  expectStatus(await from.call<ChangesPage>("GET", `${CHANGES}?${query}`), 200);
const now = async (from?: Pick<RestServer, "call">) => (await list("cursor=now", from)).next_cursor;

/** The log lines of requests for changes. */
const logged = (lines: readonly string[], path = CHANGES): Record<string, unknown>[] =>
  lines.map((line) => Object(JSON.parse(line))).filter((line) => line.path === path);

describe("GET /changes returns a page of changes", () => {
  test("of every writer, in their order, in snake_case", async () => {
    const cursor = await now();
    const owner = await createOwner(call);
    const task = await createTask(call, owner);
    await server.sql(`update tasks set title = 'Other' where id = '${task.id}'`);
    const page = await list(`cursor=${cursor}&entity=task&user_id=${owner.user_id}`);
    expect(page).toEqual({
      items: ["created", "updated"].map((operation) => ({
        cursor: expect.stringMatching(CURSOR),
        entity: "task",
        operation,
        id: task.id,
        user_id: owner.user_id,
        goal_id: null,
        changed_at: expect.stringMatching(INSTANT),
      })),
      next_cursor: expect.stringMatching(CURSOR),
      has_next: false,
    });
    expect((await list(`cursor=${page.items[0]?.cursor}&entity=task`)).items).toEqual(page.items.slice(1));
    expect((await list(`cursor=${cursor}&limit=1`)).has_next).toBe(true);
  });

  test("with wait: as soon as there is a change that matches, but not for another one", async () => {
    const [mine, other] = [await createUser(call), await createUser(call)];
    const cursor = await now();
    const waiting = list(`cursor=${cursor}&wait=25&user_id=${mine.id}`);
    await delay(200);
    await server.sql(`update users set name = 'Other' where id = '${other.id}'`);
    await delay(200);
    const begun = performance.now();
    await server.sql(`update users set name = 'Mine' where id = '${mine.id}'`);
    const { items, next_cursor } = await waiting;
    expect(items).toMatchObject([{ entity: "user", operation: "updated", id: mine.id }]);
    expect(next_cursor).toBe(items[0]?.cursor);
    expect(performance.now() - begun).toBeLessThan(20_000);
    const lines = logged(server.logLines());
    expect(lines.at(-1)).toMatchObject({ status: 200, caller: "goal-planner" });
    expect(Number(lines.at(-1)?.["ms"])).toBeGreaterThan(300);
  });

  test("with wait: an empty page after that time, whose cursor is after the changes that do not match", async () => {
    const user = await createUser(call);
    const cursor = await now();
    const begun = performance.now();
    const waiting = list(`cursor=${cursor}&wait=1&entity=conversation`);
    await delay(200);
    await server.sql(`update users set name = 'Other' where id = '${user.id}'`);
    const { items, next_cursor, has_next } = await waiting;
    expect({ items, has_next }).toEqual({ items: [], has_next: false });
    expect(performance.now() - begun).toBeGreaterThan(990);
    expect((await list(`cursor=${next_cursor}`)).items).toEqual([]);
    expect((await list(`cursor=${cursor}`)).items).toHaveLength(1);
  });

  test("with wait and cursor=now: what changes from now on", async () => {
    const user = await createUser(call);
    const waiting = list(`cursor=now&wait=25&user_id=${user.id}`);
    let isOver = false;
    const items = waiting.then((page) => {
      isOver = true;
      return page.items;
    });
    // It has a position some time after it was sent.
    for (; !isOver; await delay(20)) await server.sql(`update users set name = 'Ada' where id = '${user.id}'`);
    expect((await items)[0]).toMatchObject({ operation: "updated", id: user.id });
  });

  test("what is there already does not wait, and neither does HEAD", async () => {
    const cursor = await now();
    await createUser(call);
    expect((await list(`cursor=${cursor}&wait=25`)).items).toHaveLength(1);
    const head = await call("HEAD", `${CHANGES}?cursor=now&wait=25`);
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers.get("content-type")).toBe("application/json");
  });

  test.each(["26", "-1", "1.5", "", "true", "1e1"])("wait=%s is refused", async (wait) => {
    expectInvalid(await call("GET", `${CHANGES}?wait=${wait}`), "wait");
    expectInvalid(await call("GET", `${CHANGES}/stream?wait=${wait}`), "wait");
  });

  test("other parameters are checked by name", async () => {
    expectInvalid(await call("GET", `${CHANGES}?limit=0&entity=users&user_id=7`), "entity", "user_id", "limit");
    expectInvalid(await call("GET", `${CHANGES}?cursor=later&wait=25`), "cursor");
    expectInvalid(await call("GET", `${CHANGES}/stream?limit=5`), "limit");
    expectInvalid(await call("GET", CHANGES, { headers: { "If-None-Match": '"a"' } }), "If-None-Match");
    expectProblem(await call("POST", CHANGES, { body: {} }), 405);
  });

  test("a cursor of changes that are gone is 410, also with wait, and of a stream", async () => {
    for (const path of [`${CHANGES}?cursor=1-0`, `${CHANGES}?wait=25&cursor=1-0`, `${CHANGES}/stream?cursor=1-0`]) {
      const { detail } = expectProblem(await call("GET", path), 410);
      expect(detail).toContain("cursor=now");
    }
  });

  test("a batch and the client's batch refuse it by name", async () => {
    for (const path of [CHANGES, `${CHANGES}/stream`]) {
      const answer = await call("POST", "/api/v1/batch", { body: { operations: [{ method: "GET", path }] } });
      expect(expectInvalid(answer, "0.path").detail).toContain("changes");
    }
    const { batch } = createDaoClient({ baseUrl: server.baseUrl, serviceKey: KEYS.observer });
    await expect(batch(Object([["changes.listChanges", {}]]))).rejects.toThrow("must not be changes.listChanges");
  });
});

describe("GET /changes/stream has a line for each change", () => {
  test("from a cursor on, as they are committed", async () => {
    const cursor = await now();
    const user = await createUser(call);
    const stream = await openStream(server.baseUrl, `cursor=${cursor}`);
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    expect(await stream.next()).toMatchObject({ entity: "user", operation: "created", id: user.id });
    expect(await stream.next()).toEqual({ next_cursor: expect.stringMatching(CURSOR) });
    for (const name of ["a", "b"]) {
      await server.sql(`update users set name = '${name}' where id = '${user.id}'`);
      expect(await stream.next()).toMatchObject({ operation: "updated", id: user.id });
    }
    const before = logged(server.logLines(), `${CHANGES}/stream`).length;
    stream.leave();
    await expect.poll(() => logged(server.logLines(), `${CHANGES}/stream`).length).toBe(before + 1);
  });

  test("a thousand at once arrive once each, in order, and any cursor is where to continue", async () => {
    const cursor = await now();
    const owner = await createOwner(call);
    const stream = await openStream(server.baseUrl, `cursor=${cursor}&entity=task`);
    await server.sql(`insert into tasks (user_id, goal_id, title) select '${owner.user_id}', '${owner.id}', n::text
      from generate_series(1, 1000) n`);
    const changes: Change[] = [];
    while (changes.length < 1_000) {
      const line = await stream.next();
      if (line?.cursor !== undefined) changes.push(line as Change);
    }
    stream.leave();
    const ids = changes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(1_000);
    const rest = await list(`cursor=${changes[499]?.cursor}&limit=1000`);
    expect(rest.items.map(({ id }) => id)).toEqual(ids.slice(500));
  });

  test("HEAD has its head, and holds nothing", async () => {
    await using small = await startRestServer({ changes: true, maxFollowers: 1 });
    for (let time = 0; time < 3; time++) expectStatus(await small.call("HEAD", `${CHANGES}/stream?cursor=now`), 200);
    const stream = await openStream(small.baseUrl, "cursor=now");
    expect(stream.response.status).toBe(200);
    stream.leave();
  });

  test("an error ends it visibly, and is logged", async () => {
    await using own = await startRestServer({ changes: true });
    const stream = await openStream(own.baseUrl, "cursor=now");
    await stream.next();
    await own.sql("drop table flux_dao_change_feed cascade");
    await expect(stream.next()).rejects.toThrow();
    await expect.poll(() => logged(own.logLines(), `${CHANGES}/stream`)).toMatchObject([{ status: 500 }]);
  });
});

describe("a schema without a feed", () => {
  const disabled = useRestServer();

  test("is 501 everywhere, which is no failure of the service", async () => {
    for (const path of [CHANGES, `${CHANGES}?wait=25`, `${CHANGES}/stream`]) {
      const { detail } = expectProblem(await disabled.call("GET", path), 501);
      expect(detail).toContain("flux-dao migrate --changes");
    }
    const lines = [...logged(disabled.logLines()), ...logged(disabled.logLines(), `${CHANGES}/stream`)];
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual(lines.map(() => [40, "rejected"]));
    const { changes } = createDaoClient({ baseUrl: disabled.baseUrl, serviceKey: KEYS.observer });
    await expect(changes.listChanges()).rejects.toMatchObject({ name: "ChangesDisabledError" });
    await expect(changes.followChanges()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "changes_disabled",
    });
  });
});

describe("those who wait", () => {
  test("hundreds hold no connection and no place: others are served, and all are told at once", async () => {
    const cursor = await now();
    const users = Array.from({ length: 200 }, () => list(`cursor=${cursor}&wait=25`));
    const streams = await Promise.all(Array.from({ length: 50 }, () => openStream(server.baseUrl, `cursor=${cursor}`)));
    for (const { next } of streams) expect(await next()).toEqual({ next_cursor: cursor });
    const sql = postgres(server.databaseUrl, { max: 1 });
    const begun = performance.now();
    for (let count = 0; count < 20; count++) expectStatus(await call("GET", "/api/v1/users/?limit=1"), 200);
    expect(performance.now() - begun).toBeLessThan(20_000);
    const [{ open = 0 } = {}] = await sql`select count(*)::int as open from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
    expect(open).toBeLessThanOrEqual(4);
    await sql.end();
    const { id } = await createUser(call);
    for (const { items } of await Promise.all(users)) expect(items.map((change) => change.id)).toContain(id);
    for (const { next, leave } of streams) {
      expect(await next()).toMatchObject({ id });
      leave();
    }
  });

  test("are limited in number, and one that disconnects makes room at once", async () => {
    await using small = await startRestServer({ changes: true, maxFollowers: 2 });
    const cursor = await now(small);
    const { hostname, port } = new URL(small.baseUrl);
    const socket = connect(Number(port), hostname);
    const head = `Host: localhost\r\nX-Flux-Service-Key: ${KEYS.scheduler}\r\n\r\n`;
    socket.write(`GET ${CHANGES}?wait=25&cursor=${cursor} HTTP/1.1\r\n${head}`);
    const stream = await openStream(small.baseUrl, "cursor=now");
    await expect.poll(async () => (await small.call("GET", `${CHANGES}?wait=1&cursor=now`)).status).toBe(503);
    const refused = await small.call("GET", `${CHANGES}/stream`);
    expect(expectProblem(refused, 503).detail).toContain("callers that wait for changes");
    expect(refused.headers.get("retry-after")).toBe("2");
    expectStatus(await small.call("GET", `${CHANGES}?cursor=now`), 200);
    for (const leave of [() => socket.destroy(), stream.leave]) {
      leave();
      await expect.poll(async () => (await small.call("GET", `${CHANGES}?wait=1&cursor=now`)).status).toBe(200);
    }
    expect(logged(small.logLines()).map(({ status }) => status)).toContain(499);
  });

  test("are told that another transaction keeps the head locked, also who comes then, and are served when it is over", async () => {
    await using own = await startRestServer({ changes: true });
    const cursor = await now(own);
    const sql = postgres(own.databaseUrl, { max: 1 });
    await sql.unsafe("begin; select from flux_dao_change_feed for update");
    const { id } = await createUser(own.call);
    const waiting = own.call("GET", `${CHANGES}?cursor=${cursor}&wait=25`);
    const stream = await openStream(own.baseUrl, `cursor=${cursor}`);
    expect(await stream.next()).toEqual({ next_cursor: cursor });
    expect((await list(`cursor=${cursor}&wait=1`, own)).items).toEqual([]);
    vi.spyOn(performance, "now").mockImplementation(() => Date.now() - performance.timeOrigin + 10_000);
    try {
      for (const answer of [await waiting, await own.call("GET", `${CHANGES}?cursor=${cursor}&wait=25`)]) {
        expect(expectProblem(answer, 503).detail).toContain("has locked its head");
      }
      await expect(stream.next()).rejects.toThrow();
      await sql.unsafe("rollback");
      expect((await list(`cursor=${cursor}&wait=25`, own)).items).toMatchObject([{ id }]);
    } finally {
      vi.restoreAllMocks();
      await sql.end();
    }
  });

  test("are sent what they have at a stop, which waits for none of them", async () => {
    const own = await startRestServer({ changes: true });
    const cursor = await now(own);
    const { id } = await createUser(own.call);
    const pages = Array.from({ length: 3 }, () => list(`cursor=now&wait=25`, own));
    const stream = await openStream(own.baseUrl, `cursor=${cursor}&entity=user`);
    expect(await stream.next()).toMatchObject({ id });
    const latest = await stream.next();
    // A change that does not match moves the cursor; it is in the last line at the latest.
    await delay(200);
    // The grace period of this server is a second, at whose end it would have cut them off.
    await within(1_000, async () => {
      const stopped = own.stop();
      for (const page of await Promise.all(pages)) {
        expect(page).toEqual({ items: [], next_cursor: latest?.next_cursor, has_next: false });
      }
      expect(await stream.next()).toEqual(latest);
      expect(await stream.next()).toBeUndefined();
      await stopped;
    });
    const lines = logged(own.logLines(), `${CHANGES}/stream`);
    expect(lines).toMatchObject([{ status: 200, msg: "request" }]);
    expect(Number(lines[0]?.["ms"])).toBeGreaterThan(150);
  });

  test("a client that takes nothing is reset after the send time-out, and makes room", async () => {
    await using own = await startRestServer({ changes: true, maxFollowers: 1, sendTimeout: 500 });
    const cursor = await now(own);
    const { hostname, port } = new URL(own.baseUrl);
    const socket = connect(Number(port), hostname);
    socket.pause();
    const closed = once(socket, "close");
    socket.on("error", () => undefined);
    const head = `Host: localhost\r\nX-Flux-Service-Key: ${KEYS.observer}\r\n\r\n`;
    socket.write(`GET ${CHANGES}/stream?cursor=${cursor} HTTP/1.1\r\n${head}`);
    const owner = await createOwner(own.call);
    // More than the operating system buffers.
    for (let time = 0; time < 6; time++) {
      await own.sql(`insert into tasks (user_id, goal_id, title) select '${owner.user_id}', '${owner.id}', n::text
        from generate_series(1, 10000) n`);
    }
    await expect.poll(async () => (await own.call("GET", `${CHANGES}?wait=1&cursor=now`)).status).toBe(200);
    socket.resume();
    await closed;
  });
});

describe("a key that is bound to a schema", () => {
  test("sees the changes of that schema only, and its cursor is of no use in another", async () => {
    await using made = await createTestDatabase({ serverUrl: inject("adminUrl"), schema: "tenant_1", changes: true });
    const { database } = made;
    await database.migrate({ schemas: ["tenant_2"], changes: true });
    const keys = ["tenant_1", "tenant_2"].map((schema) => ({ name: schema, key: `key-of-${schema}`, schema }));
    const { fetch } = createDaoApp({ services: database, keys });
    const client = (schema: string) =>
      createDaoClient({
        baseUrl: "http://dao.test",
        serviceKey: `key-of-${schema}`,
        fetch: (url, init) => fetch(new Request(url, init)),
      }).changes;
    const [mine, theirs] = [client("tenant_1"), client("tenant_2")];
    const { id } = await createDaoServices(database.withSchema("tenant_2")).users.createUser(makeUserData());
    const { items } = await theirs.listChanges();
    expect(items).toMatchObject([{ entity: "user", id }]);
    expect(await mine.listChanges()).toMatchObject({ items: [], hasNext: false });
    await expect(mine.listChanges({ cursor: items[0]?.cursor })).rejects.toMatchObject({ code: "cursor_expired" });
    const own = await createDaoServices(database.withSchema("tenant_1")).users.createUser(makeUserData());
    for await (const change of mine.followChanges()) {
      expect(change.id).toBe(own.id);
      break;
    }
  });
});
