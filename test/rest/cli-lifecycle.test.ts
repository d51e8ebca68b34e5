import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { LOG_BATCH_LINES } from "../../packages/dao-http/src/wire/limits.ts";
import { untilBlocked } from "../blocked-sessions.ts";
import { useCli } from "./cli-process.ts";

const cli = useCli();

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => database.drop());

const usersOf = (baseUrl: string, key: string) =>
  fetch(`${baseUrl}/api/v1/users/`, { headers: { "X-Flux-Service-Key": key } });

/** A database to which only the service is connected. */
async function ownDatabase(): Promise<TestDatabase> {
  const own = await createTestDatabase({ serverUrl: inject("adminUrl") });
  await own.database.close();
  return own;
}

async function onDatabase<Result>(url: string, work: (sql: postgres.Sql) => Promise<Result>): Promise<Result> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** The number of sessions of a database, except this one. */
const connectionsTo = ({ url }: TestDatabase) =>
  onDatabase(url, async (sql) => {
    const others = sql`select from pg_stat_activity where datname = current_database()
      and backend_type = 'client backend' and pid <> pg_backend_pid()`;
    return (await others).length;
  });

describe("Keys and settings", () => {
  test.concurrent("DB_SLOW_STATEMENT_MS logs slower statements without their parameters", async () => {
    const email = "canary@example.com";
    await using service = cli.start({ DATABASE_URL: database.url, DB_SLOW_STATEMENT_MS: "1" });
    const baseUrl = await service.started;
    const headers = { "X-Flux-Service-Key": "scheduler-key-def" };
    // The first statement on a connection includes the time to open it.
    const all = Array.from({ length: 20 }, () => fetch(`${baseUrl}/api/v1/users/?email=${email}`, { headers }));
    for (const response of await Promise.all(all)) expect(response.status).toBe(200);
    const slow = () =>
      service
        .log()
        .split("\n")
        .filter((line) => line.includes("slow statement"));
    await expect.poll(slow).not.toEqual([]);
    expect(JSON.parse(slow()[0] ?? "")).toMatchObject({
      level: 40,
      statement: expect.stringContaining("select"),
      ms: expect.any(Number),
    });
    expect(service.log()).not.toContain(email);
  });

  test.concurrent("without SERVICE_API_KEYS the guide's three development keys work, with a warning", async () => {
    await using service = cli.start({ DATABASE_URL: database.url });
    const baseUrl = await service.started;
    for (const key of ["goal-planner-key-abc", "scheduler-key-def", "observer-key-ghi"]) {
      expect((await usersOf(baseUrl, key)).status).toBe(200);
    }
    expect((await usersOf(baseUrl, "other")).status).toBe(403);
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
    expect(service.output()).toMatch(/development keys?/i);
    expect(service.output()).not.toMatch(/goal-planner-key-abc|scheduler-key-def|observer-key-ghi/);
  });

  test.concurrent.each([
    ["a JSON array", '["first-key-1", "second-key-2"]', undefined],
    [
      "a JSON object, whose names appear in the log",
      '{"goal-planner": "first-key-1", "billing": "second-key-2"}',
      "billing",
    ],
    ["a comma-separated list", "first-key-1, second-key-2", undefined],
    ["a comma-separated list of one", "second-key-2", undefined],
  ])("SERVICE_API_KEYS as %s", async (_, keys, name) => {
    await using service = cli.start({ DATABASE_URL: database.url, SERVICE_API_KEYS: keys });
    const baseUrl = await service.started;
    expect((await usersOf(baseUrl, "second-key-2")).status).toBe(200);
    expect((await usersOf(baseUrl, "goal-planner-key-abc")).status).toBe(403);
    expect((await usersOf(baseUrl, keys)).status).toBe(keys === "second-key-2" ? 200 : 403);
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
    const output = service.output();
    if (name !== undefined) expect(output).toContain(`"${name}"`);
    expect(output).not.toMatch(/first-key-1|second-key-2|goal-planner-key-abc/);
    expect(output).toContain('"/api/v1/users');
  });

  test.concurrent("a postgresql+asyncpg:// URL, as of the Python service, works", async () => {
    const url = database.url.replace(/^postgres(ql)?:/, "postgresql+asyncpg:");
    expect(url).toMatch(/^postgresql\+asyncpg:\/\//);
    await using service = cli.start({ DATABASE_URL: url });
    const baseUrl = await service.started;
    expect((await fetch(`${baseUrl}/ready`)).status).toBe(200);
    expect((await usersOf(baseUrl, "scheduler-key-def")).status).toBe(200);
  });

  test.concurrent("the limits of the data layer are respected, such as DB_LOCK_TIMEOUT_MS and DB_STATEMENT_TIMEOUT_MS", async () => {
    await using own = await ownDatabase();
    for (const [limit, sentence] of [
      ["DB_LOCK_TIMEOUT_MS", "A lock was not free"],
      ["DB_STATEMENT_TIMEOUT_MS", "ran longer than its time-out"],
    ] as const) {
      // Prepared: without prepared statements the driver's own limits do not apply.
      await using service = cli.start({ DATABASE_URL: own.url, [limit]: "100", DB_PREPARE: "true" });
      const baseUrl = await service.started;
      await onDatabase(own.url, (sql) =>
        sql.begin(async (locked) => {
          await locked`lock table users in access exclusive mode`;
          const response = await usersOf(baseUrl, "scheduler-key-def");
          expect(response.status).toBe(503);
          expect(await response.text()).toContain(sentence);
        }),
      );
    }
  });

  test.concurrent("LOG_LEVEL=silent and DB_POOL_SIZE=2 are respected", async () => {
    await using own = await ownDatabase();
    await using service = cli.start({ DATABASE_URL: own.url, LOG_LEVEL: "silent", DB_POOL_SIZE: "2" });
    const baseUrl = await service.started;
    const answers = await Promise.all(Array.from({ length: 40 }, () => usersOf(baseUrl, "scheduler-key-def")));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
    expect(service.output()).not.toMatch(/"status"|\/api\/v1/);
    expect(await connectionsTo(own)).toBe(2);
  });
});

describe("Bad input: a port in use is named", () => {
  test.concurrent("and the service exits", async () => {
    await using first = cli.start({ DATABASE_URL: database.url });
    const url = await first.started;
    const { port } = new URL(url);
    const { exit, output } = await cli.run({ DATABASE_URL: database.url, PORT: port });
    expect({ exit, output }).toEqual({ exit: 1, output: expect.stringContaining(port) });
    expect(output).toMatch(/in use/);
    expect(output).not.toMatch(/\n\s+at /);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe("Bad input: a schema newer than the code is rejected, with both versions named", () => {
  test.concurrent("at startup", async () => {
    await using other = await createTestDatabase({ serverUrl: inject("adminUrl") });
    const current = await onDatabase(other.url, async (sql) => {
      const [row] = await sql<{ version: number }[]>`select max(version)::int as version from flux_dao_migrations`;
      await sql`insert into flux_dao_migrations (version, name, checksum) values (9001, '9001_later', 'x')`;
      return row?.version ?? 0;
    });
    expect(current).toBeGreaterThan(0);
    const { exit, output } = await cli.run({ DATABASE_URL: other.url });
    expect({ exit, output }).toEqual({ exit: 1, output: expect.stringMatching(/\b9001\b/) });
    expect(output).toMatch(new RegExp(`version ${current}\\b`));
    expect(output).not.toMatch(/\n\s+at /);
  });
});

/** Runs a command as process 1 of a namespace, as a container does. */
const AS_PROCESS_1 = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
const hasNamespaces = spawnSync("unshare", [...AS_PROCESS_1, "true"]).status === 0;

describe.skipIf(!hasNamespaces)(
  "process 1 of a container ends upon SIGTERM while the database does not respond:",
  () => {
    test.concurrent.for([
      ["serve", 0],
      ["migrate", 143],
    ] as const)("%s with %i", async ([command, exit], { expect }) => {
      // It accepts connections, and says nothing.
      await using silent = createServer((socket) => socket.on("error", () => undefined).resume()).listen(
        0,
        "127.0.0.1",
      );
      await once(silent, "listening");
      const { port } = silent.address() as AddressInfo;
      const env = { PATH: process.env["PATH"], DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/d` };
      const args = [...AS_PROCESS_1, process.execPath, cli.program(), command];
      const child = spawn("unshare", args, { env, stdio: "ignore" });
      await once(silent, "connection");
      // As seen from here, it has another id.
      const [pid] = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).trim().split(" ");
      const ended = once(child, "close");
      process.kill(Number(pid), "SIGTERM");
      expect((await ended)[0]).toBe(exit);
    });
  },
);

describe("a graceful stop", () => {
  test.concurrent.for([
    ["1 process", "SIGTERM"],
    ["2 processes", "SIGTERM"],
    ["1 process", "SIGHUP"],
    ["2 processes", "SIGHUP"],
  ] as const)(
    "of %s on %s: requests finish even if no one reads the output",
    async ([processes, signal], { expect }) => {
      await using own = await ownDatabase();
      await using service = cli.start({ DATABASE_URL: own.url, PROCESSES: processes.slice(0, 1) });
      const baseUrl = await service.started;
      const { inFlight } = await onDatabase(own.url, (sql) =>
        sql.begin(async (locked) => {
          await locked`lock table users in access exclusive mode`;
          const sent = usersOf(baseUrl, "scheduler-key-def");
          await untilBlocked(locked);
          service.leaveOutput();
          service.kill(signal);
          if (signal === "SIGHUP") service.kill(signal);
          const isStopping = () =>
            fetch(`${baseUrl}/ready`).then(
              ({ status }) => status === 503,
              () => true,
            );
          await expect.poll(isStopping).toBe(true);
          return { inFlight: sent };
        }),
      );
      expect((await inFlight).status).toBe(200);
      expect(await service.exited).toBe(0);
    },
  );

  test.skipIf(!existsSync("/dev/full"))("a full disk, which takes no log, ends no service", async () => {
    const full = await open("/dev/full", "w");
    await using service = cli.start({ DATABASE_URL: database.url }, full.fd);
    await full.close();
    const baseUrl = await service.started;
    for (let count = 0; count < 3 * LOG_BATCH_LINES; count++) {
      expect((await usersOf(baseUrl, "scheduler-key-def")).status).toBe(200);
    }
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
  });

  test.concurrent.for(["SIGTERM", "SIGINT"] as const)(
    "%s: in-flight requests finish, then the service exits with 0",
    async (signal, { expect }) => {
      await using own = await ownDatabase();
      await using service = cli.start({ DATABASE_URL: own.url });
      const baseUrl = await service.started;
      const sql = postgres(own.url, { max: 1, onnotice: () => undefined });
      const { inFlight } = await sql.begin(async (transaction) => {
        await transaction`lock table users in share mode`;
        const sent = fetch(`${baseUrl}/api/v1/users/`, {
          method: "POST",
          headers: { "X-Flux-Service-Key": "scheduler-key-def", "Content-Type": "application/json" },
          body: JSON.stringify({ name: "x", email: "x@example.com" }),
        });
        await untilBlocked(transaction);
        service.kill(signal);
        const isRefused = () =>
          fetch(`${baseUrl}/health`).then(
            () => false,
            () => true,
          );
        await expect.poll(isRefused).toBe(true);
        return { inFlight: sent };
      });
      await sql.end();
      const answer = await inFlight;
      expect(answer.status).toBe(201);
      expect(((await answer.json()) as { email: string }).email).toBe("x@example.com");
      expect(await service.exited).toBe(0);
      await expect(fetch(`${baseUrl}/health`)).rejects.toThrow();
      await onDatabase(own.url, async (sql) =>
        expect(await sql`select email from users`).toEqual([{ email: "x@example.com" }]),
      );
      // A backend needs a moment to notice that its client is gone.
      await expect.poll(() => connectionsTo(own)).toBe(0);
    },
  );

  test.concurrent("an idle keep-alive connection does not delay it", async () => {
    await using service = cli.start({ DATABASE_URL: database.url });
    const baseUrl = await service.started;
    // fetch keeps its connection open.
    expect((await usersOf(baseUrl, "scheduler-key-def")).status).toBe(200);
    const start = performance.now();
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
    // Before the grace period of 10 s.
    expect(performance.now() - start).toBeLessThan(9_000);
  });
});
