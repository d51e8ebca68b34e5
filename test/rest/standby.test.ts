import { type Database, openDatabase } from "@flux/dao-core";
import {
  changeCases,
  contractSuite,
  createTestDatabase,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { createDaoApp, createLogger, type DaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { readSettings, startService } from "@flux/dao-http/server";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../../scripts/postgres/replicated-postgres.ts";
import { useCommand } from "../cli/run-command.ts";
import { signalServer } from "../faults/process-group.ts";

const KEY = "a-key-that-is-long-enough";
const POSITION = /^[0-9A-F]{16}$/;

let pair: ReplicatedPostgres;
let primary: TestDatabase;
let replica: Database;
let app: DaoApp;
let lines: string[] = [];

beforeAll(async () => {
  pair = await startReplicatedPostgres();
  primary = await createTestDatabase({ serverUrl: pair.primary.url, changes: true });
  replica = await openReplica();
  app = createApp(primary.database, replica);
}, 120_000);
beforeEach(() => {
  lines = [];
});
afterAll(async () => {
  await replica?.close();
  await primary?.drop();
  await pair?.[Symbol.asyncDispose]();
});

function standbyUrl(): string {
  const url = new URL(primary.url);
  url.port = new URL(pair.standby.url).port;
  return url.href;
}

async function onStandby(query: string): Promise<void> {
  const sql = postgres(standbyUrl(), { max: 1, onnotice: () => undefined });
  await sql.unsafe(query);
  await sql.end();
}

function createApp(services: Database, standby: Database, keys = [{ name: "test", key: KEY }]): DaoApp {
  const logger = createLogger({ destination: { write: (text) => lines.push(text) } });
  return createDaoApp({ services, replica: standby, keys, logger });
}

const openReplica = (maxLag?: number) => openDatabase(standbyUrl(), { readOnly: true, verify: false, maxLag });

const fetchFrom = (of: DaoApp) => (url: string | URL | Request, init?: RequestInit) => of.fetch(new Request(url, init));
const clientOf = (of: DaoApp) => createDaoClient({ baseUrl: "http://dao.test", serviceKey: KEY, fetch: fetchFrom(of) });

function call(path: string, headers: Record<string, string> = {}, init: RequestInit = {}, of = app): Promise<Response> {
  const all = { "x-flux-service-key": KEY, "content-type": "application/json", ...headers };
  return of.fetch(new Request(`http://dao.test${path}`, { ...init, headers: all }));
}

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  call(path, headers, { method: "POST", body: JSON.stringify(body) });

const userBody = () => ({ name: "Ada", email: `${crypto.randomUUID()}@example.com` });
const readFromStandby = () => lines.map((line) => JSON.parse(line).read_from === "standby");

describe("the contract through the client, against an app that reads from a standby", () => {
  test.each([...contractSuite, ...changeCases])("$name", async ({ run }) => {
    await run(clientOf(app));
  });

  test("of which a good part was", async () => {
    const client = clientOf(app);
    const { id } = await client.users.createUser(makeUserData());
    await expect.poll(() => client.users.getUser(id).then(() => readFromStandby().at(-1))).toBe(true);
  });
});

describe("while replay is paused", () => {
  afterEach(() => onStandby("select pg_wal_replay_resume()"));

  test("a client sees its own writes, in every kind of read, and another one does not yet", async () => {
    const [client, other] = [clientOf(app), clientOf(app)];
    await expect.poll(() => other.users.listUsers().then(() => readFromStandby().at(-1))).toBe(true);
    await onStandby("select pg_wal_replay_pause()");
    const user = await client.users.createUser(makeUserData());
    const goal = await client.goals.createGoal({ userId: user.id, title: "t" });
    await client.tasks.createTasks(Array.from({ length: 300 }, () => makeTaskData(user.id, goal.id)));
    expect(await client.users.getUser(user.id)).toEqual(user);
    expect((await client.goals.getGoalFull(goal.id)).tasks).toHaveLength(300);
    let count = 0;
    for await (const _ of client.tasks.streamTasks({ userId: user.id })) count++;
    expect(count).toBe(300);
    await client.users.deleteUser(user.id);
    await expect(client.users.getUser(user.id)).rejects.toMatchObject({ code: "not_found" });

    const late = await client.users.createUser(makeUserData());
    await expect(other.users.getUser(late.id)).rejects.toMatchObject({ code: "not_found" });
    expect(readFromStandby().at(-1)).toBe(true);
  });

  test("by REST: Flux-Position of a write makes a read wait for it, and latest reads from the primary", async () => {
    await expect.poll(() => call("/api/v1/users/").then(() => readFromStandby().at(-1))).toBe(true);
    await onStandby("select pg_wal_replay_pause()");
    const created = await post("/api/v1/users/", userBody());
    const position = created.headers.get("flux-position") ?? "";
    expect(position).toMatch(POSITION);
    const { id, email } = Object(await created.json());
    const path = `/api/v1/users/${id}`;
    expect((await call(path)).status).toBe(404);
    expect((await call(path, { "flux-position": position })).status).toBe(200);
    expect(readFromStandby().at(-1)).toBe(false);
    const latest = await call(path, { "flux-position": "latest" });
    expect([latest.status, readFromStandby().at(-1)]).toEqual([200, false]);
    expect(String(latest.headers.get("flux-position")) >= position).toBe(true);

    const conflict = await post("/api/v1/users/", { name: "Ada", email });
    expect(conflict.status).toBe(409);
    expect(conflict.headers.get("flux-position"), "to read what is in conflict").toMatch(POSITION);
    expect((await post("/api/v1/users/", { name: "" })).headers.get("flux-position")).toBeNull();

    const waiting = call(path, { "flux-position": position });
    await onStandby("select pg_wal_replay_resume()");
    expect((await waiting).status).toBe(200);
    await expect.poll(() => call(path, { "flux-position": position }).then(() => readFromStandby().at(-1))).toBe(true);
    const etag = (await call(path)).headers.get("etag") ?? "";
    const unchanged = await call(path, { "if-none-match": etag, "flux-position": position });
    expect([unchanged.status, readFromStandby().at(-1)]).toEqual([304, true]);
  });

  test("changes come from the primary, and who was told of one can read its row", async () => {
    const [follower, writer] = [clientOf(app), clientOf(app)];
    const { nextCursor: cursor } = await follower.changes.listChanges({ cursor: "now" });
    await expect.poll(() => writer.users.listUsers().then(() => readFromStandby().at(-1))).toBe(true);
    await onStandby("select pg_wal_replay_pause()");
    const { id } = await writer.users.createUser(makeUserData());
    for await (const change of follower.changes.followChanges({ cursor })) {
      expect(change).toMatchObject({ entity: "user", operation: "created", id });
      break;
    }
    expect(readFromStandby().at(-1)).toBe(false);
    expect(await follower.users.getUser(id)).toMatchObject({ id });
    const page = await call(`/api/v1/changes?cursor=${cursor}`);
    expect(page.headers.get("flux-position")).toMatch(POSITION);
  });

  test("a write whose response is lost is visible to the client's next read", async () => {
    let losesResponses = true;
    const fetch = async (url: string | URL | Request, init?: RequestInit) => {
      const response = await app.fetch(new Request(url, init));
      if (losesResponses && init?.method === "POST") throw new TypeError("fetch failed");
      return response;
    };
    const client = createDaoClient({ baseUrl: "http://dao.test", serviceKey: KEY, fetch });
    await expect.poll(() => client.users.listUsers().then(() => readFromStandby().at(-1))).toBe(true);
    await onStandby("select pg_wal_replay_pause()");
    const data = makeUserData();
    await expect(client.users.createUser(data)).rejects.toMatchObject({ code: "unavailable" });
    expect((await client.users.listUsers({ email: data.email })).total).toBe(1);
    losesResponses = false;
    expect((await client.users.listUsers({ email: data.email })).total, "and to those after it").toBe(1);
  });

  test("reads that may be older than maxLag are sent to the primary, and /ready says so", async () => {
    await using strict = await openReplica(300);
    const strictApp = createApp(primary.database, strict);
    const ready = async () => (await call("/ready", {}, {}, strictApp)).json();
    await expect.poll(() => call("/api/v1/users/", {}, {}, strictApp).then(() => readFromStandby().at(-1))).toBe(true);
    expect(await ready()).toEqual({ status: "ready" });
    await onStandby("select pg_wal_replay_pause()");
    const { id } = Object(await (await post("/api/v1/users/", userBody())).json());
    // Without the header: found as soon as it is older than maxLag.
    await expect
      .poll(() => call(`/api/v1/users/${id}`, {}, {}, strictApp).then(({ status }) => status), { timeout: 10_000 })
      .toBe(200);
    expect(await ready()).toEqual({
      status: "ready",
      standby_not_ready: expect.stringMatching(/may lag \d+ ms behind its primary, more than maxLag \(300 ms\)/),
    });
    expect(lines.at(-1)).toContain("Reads are sent to the primary.");
  });
});

test("a header that is no position is a 400, with a standby or without", async () => {
  const alone = createDaoApp({ services: primary.database, keys: [{ name: "test", key: KEY }] });
  for (const of of [app, alone]) {
    for (const position of ["0/16B3748", "LATEST", "x"]) {
      const response = await call("/api/v1/users/", { "flux-position": position }, {}, of);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        code: "validation_failed",
        errors: [{ path: "Flux-Position", message: expect.stringContaining("latest") }],
      });
    }
  }
  const created = await call("/api/v1/users/", {}, { method: "POST", body: JSON.stringify(userBody()) }, alone);
  expect([created.status, created.headers.get("flux-position")]).toEqual([201, null]);
});

test("each key reads and waits in its own schema", async () => {
  await primary.database.migrate({ schemas: ["tenant_a", "tenant_b"] });
  const keys = ["a", "b"].map((name) => ({ name, key: `key-of-${name}`, schema: `tenant_${name}` }));
  const tenants = createApp(primary.database, replica, keys);
  const [a, b] = keys.map(({ key }) =>
    createDaoClient({ baseUrl: "http://dao.test", serviceKey: key, fetch: fetchFrom(tenants) }),
  );
  const user = await a?.users.createUser(makeUserData());
  await expect.poll(() => a?.users.getUser(user?.id ?? "").then(() => readFromStandby().at(-1))).toBe(true);
  await expect(b?.users.getUser(user?.id ?? "")).rejects.toMatchObject({ code: "not_found" });
});

describe("the service with DATABASE_READ_URL", () => {
  const run = useCommand();
  const settings = (readUrl: string) => ({
    DATABASE_URL: primary.url,
    DATABASE_READ_URL: readUrl,
    SERVICE_API_KEYS: JSON.stringify([KEY]),
    PORT: "0",
  });

  test("reads from it, and starts without it, with a warning", async () => {
    for (const [url, warning] of [
      [standbyUrl(), undefined],
      ["postgres://u:p@127.0.0.1:1/flux", /cannot be reached.* Until then reads are sent to the primary\./],
    ] as const) {
      const logger = createLogger({ destination: { write: (text) => lines.push(text) } });
      await using service = await startService(readSettings(settings(url)), logger);
      expect(service.warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)]);
      const client = createDaoClient({ baseUrl: service.url, serviceKey: KEY });
      const { id } = await client.users.createUser(makeUserData());
      const isRead = () => client.users.getUser(id).then(() => readFromStandby().at(-1));
      await (warning === undefined ? expect.poll(isRead).toBe(true) : expect(isRead()).resolves.toBe(false));
    }
  });

  test("closes what it has opened if the standby's settings cannot be used", async () => {
    const name = `closed-${crypto.randomUUID().slice(0, 8)}`;
    const missing = `${standbyUrl()}?sslmode=verify-ca&sslrootcert=/nowhere/root.crt`;
    const environment = { ...settings(missing), DATABASE_URL: `${primary.url}?application_name=${name}` };
    const starting = startService(readSettings(environment), createLogger({ level: "silent" }));
    await expect(starting).rejects.toThrow(/sslrootcert in DATABASE_READ_URL/);
    const sql = postgres(primary.url, { max: 1 });
    const open = async () => (await sql`select from pg_stat_activity where application_name = ${name}`).length;
    await expect.poll(open).toBe(0);
    await sql.end();
  });

  test("flux-dao doctor looks at both servers, and says which one is wrong", async () => {
    const well = await run(["doctor"], settings(standbyUrl()));
    expect(well.stdout).toMatch(/^ok {4}standby {2}replication {2}The server is a hot standby that lags \d+ ms\.$/m);
    expect(well.exit).toBe(0);
    const swapped = await run(["doctor", "--json"], { ...settings(primary.url), DATABASE_URL: standbyUrl() });
    const failed = JSON.parse(swapped.stdout).filter(({ ok }: { ok: boolean }) => !ok);
    expect(failed).toMatchObject([{ name: "replication", message: expect.stringContaining("accepts no writes") }]);
    expect(failed[0]).not.toHaveProperty("database");
  });
});

test("a standby that stops, or is silent, costs no read; reads come back to it", async () => {
  const created = await post("/api/v1/users/", userBody());
  const position = created.headers.get("flux-position") ?? "";
  const { id } = Object(await created.json());
  const statuses = new Set<number>();
  let isOver = false;
  let longest = 0;
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!isOver) {
        const begun = performance.now();
        statuses.add((await call(`/api/v1/users/${id}`, { "flux-position": position })).status);
        longest = Math.max(longest, performance.now() - begun);
      }
    }),
  );
  const isReading = () => readFromStandby().slice(-4).every(Boolean);
  try {
    await expect.poll(isReading).toBe(true);
    await signalServer(pair.standby.pid, "SIGSTOP");
    await expect.poll(isReading).toBe(false);
    await signalServer(pair.standby.pid, "SIGCONT");
    await expect.poll(isReading).toBe(true);
    await pair.standby.stop();
    await expect.poll(isReading).toBe(false);
    await pair.restartStandby();
    await expect.poll(isReading).toBe(true);
  } finally {
    isOver = true;
    await load;
  }
  expect([...statuses]).toEqual([200]);
  expect(longest).toBeLessThan(10_000);
});

// The last, since it ends the replication.
test("a standby that is promoted while its primary lives on is read no more", async () => {
  await expect.poll(async () => (await call("/api/v1/users/")).ok && readFromStandby().at(-1)).toBe(true);
  await onStandby("select pg_promote()");
  const { users } = clientOf(app);
  for (let number = 0; number < 20; number++) {
    const { id } = await users.createUser(makeUserData());
    expect((await users.getUser(id)).id).toBe(id);
  }
  await expect
    .poll(async () => (await call("/ready")).json())
    .toMatchObject({
      status: "ready",
      standby_not_ready: expect.stringContaining("is a primary, not a standby"),
    });
  lines = [];
  await call("/api/v1/users/");
  expect(readFromStandby()).toEqual([false]);
});
