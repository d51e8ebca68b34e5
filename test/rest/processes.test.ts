import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { amount } from "../depth.ts";
import { ClientConnection, type Outcome, requestBytes } from "../overload/client-connection.ts";
import { NOTHING_DROPPED, stopUnderLoad } from "../overload/stop-under-load.ts";
import { useCli } from "./cli-process.ts";
import { useServiceDatabase } from "./service-database.ts";

const cli = useCli();
const KEY = "scheduler-key-def";

const database = useServiceDatabase();

const start = (settings: Readonly<Record<string, string>> = {}) =>
  cli.start({ DATABASE_URL: database.url, PROCESSES: "2", ...settings });

/** The child processes of a process. */
function childrenOf(pid: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  return lines.flatMap((line) => {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    return parent === pid && child !== undefined ? [child] : [];
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Each request on a connection of its own, which is distributed to one of the processes. */
const read = async (baseUrl: string) => {
  const headers = { "X-Flux-Service-Key": KEY, Connection: "close" };
  return (await fetch(`${baseUrl}/api/v1/users/?page_size=1`, { headers })).status;
};

const connections = async () =>
  (
    await database.sql`select from pg_stat_activity where datname = current_database() and application_name = 'flux-dao'`
  ).length;

// In sequence: they count the sessions of the same database.
describe("PROCESSES=2", () => {
  test("both serve the same port, each with connections of its own, and the start is reported once", async () => {
    await using service = start({ DB_POOL_SIZE: "1" });
    const baseUrl = await service.started;
    expect(childrenOf(service.pid)).toHaveLength(2);
    expect(await Promise.all(Array.from({ length: 20 }, () => read(baseUrl)))).toEqual(Array(20).fill(200));
    expect(await connections()).toBe(2);
    expect((await fetch(`${baseUrl}/ready`)).status).toBe(200);
    expect((await fetch(`${baseUrl}/health`)).status).toBe(200);
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
    expect(service.output().match(/Warning: SERVICE_API_KEYS/g)).toHaveLength(1);
    expect(service.output().match(/Flux DAO service at .*, by 2 processes\./g)).toHaveLength(1);
    expect(service.output().match(/SIGTERM: finishing/g)).toHaveLength(1);
    await expect.poll(connections).toBe(0);
  });

  test("SIGTERM under load: no request that was sent is dropped, and every log line is complete", async () => {
    // The log of probes too, which the report counts.
    await using service = start({ LOG_LEVEL: "debug" });
    const { port } = new URL(await service.started);
    const workers = childrenOf(service.pid);
    const report = await stopUnderLoad(
      { port: Number(port), key: KEY, terminate: () => service.kill("SIGTERM"), exited: service.exited.then(String) },
      database.sql,
    );
    expect(report).toMatchObject(NOTHING_DROPPED);
    expect(report.goneAfter).toBeLessThan(10_000);
    expect(workers.filter(isRunning)).toEqual([]);
    const lines = service.log().trimEnd().split("\n");
    expect(lines.length).toBeGreaterThanOrEqual(report.answers);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ request_id: expect.any(String) });
  });

  test("Ctrl-C, which every process of a terminal receives, stops them like SIGTERM", async () => {
    await using service = start();
    const baseUrl = await service.started;
    const workers = childrenOf(service.pid);
    const answers = Promise.all(Array.from({ length: 20 }, () => read(baseUrl)));
    for (const pid of workers) process.kill(pid, "SIGINT");
    service.kill("SIGINT");
    expect(await answers).toEqual(Array(20).fill(200));
    expect(await service.exited).toBe(0);
    expect(service.output()).not.toMatch(/ended|started now/);
    expect(workers.filter(isRunning)).toEqual([]);
  });

  test("a second signal stops them at once", async () => {
    await using service = start();
    await service.started;
    const workers = childrenOf(service.pid);
    service.kill("SIGTERM");
    await expect.poll(() => service.output()).toMatch(/Send it again to stop immediately/);
    service.kill("SIGTERM");
    expect(await service.exited).toBe(1);
    await expect.poll(() => workers.filter(isRunning)).toEqual([]);
  });

  test.each(["in the middle of its work", "before it has taken a connection"])(
    "a process that is killed %s is replaced, and the other one serves meanwhile",
    async (when) => {
      await using service = start();
      const baseUrl = await service.started;
      const [first, second] = childrenOf(service.pid);
      if (first === undefined || second === undefined) throw new Error("There are fewer than two processes.");
      const outcomes: Promise<Outcome>[] = [];
      if (when === "before it has taken a connection") {
        process.kill(first, "SIGSTOP");
        // One of them is handed to it before the last one is to the other.
        for (let count = 0; count < 2; count++) {
          const connection = await ClientConnection.open(Number(new URL(baseUrl).port));
          outcomes.push(connection.send(requestBytes(KEY, "GET", "/health")));
        }
        expect(await read(baseUrl)).toBe(200);
      }
      process.kill(first, "SIGKILL");
      await expect.poll(() => service.output()).toMatch(/ended \(SIGKILL\)\. Another one is started now\./);
      const statuses = (await Promise.all(outcomes)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set(outcomes.length > 0 ? [200, undefined] : []));
      expect(await Promise.all(Array.from({ length: 20 }, () => read(baseUrl)))).toEqual(Array(20).fill(200));
      await expect.poll(() => childrenOf(service.pid).length).toBe(2);
      expect(childrenOf(service.pid)).toContain(second);
      expect(childrenOf(service.pid)).not.toContain(first);
      service.kill("SIGTERM");
      expect(await service.exited).toBe(0);
    },
  );

  test("clients that connect during a stop, while the primary process cannot run, get their responses", async () => {
    await using service = start();
    const { port } = new URL(await service.started);
    service.kill("SIGTERM");
    await expect.poll(() => service.output()).toMatch(/SIGTERM: finishing requests/);
    process.kill(service.pid, "SIGSTOP");
    const connections = await Promise.all(Array.from({ length: 6 }, () => ClientConnection.open(Number(port))));
    const outcomes = connections.map((connection) => connection.send(requestBytes(KEY, "GET", "/api/v1/users/")));
    // The others have meanwhile waited for 500 ms, and for 100 ms without a new connection.
    await delay(750);
    process.kill(service.pid, "SIGCONT");
    expect((await Promise.all(outcomes)).map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(await service.exited).toBe(0);
  });

  test("one that is only starting when the service stops does so, too", async () => {
    // Long before the command runs, Node has connected the process with its parent.
    await using service = start({
      NODE_OPTIONS: "--import data:text/javascript,await%20new%20Promise(go=>setTimeout(go,1000))",
    });
    await service.started;
    const [first] = childrenOf(service.pid);
    process.kill(first ?? 0, "SIGKILL");
    await expect.poll(() => childrenOf(service.pid).filter((pid) => pid !== first).length).toBe(2);
    service.kill("SIGTERM");
    expect(await service.exited).toBe(0);
  });

  test("no process outlives its parent", async () => {
    await using service = start();
    await service.started;
    const workers = childrenOf(service.pid);
    expect(workers).toHaveLength(2);
    service.kill("SIGKILL");
    await service.exited;
    await expect.poll(() => workers.filter(isRunning)).toEqual([]);
  });

  describe("a start that fails ends with one message, as with one process", () => {
    const outcomes = async (settings: Readonly<Record<string, string>>) => {
      const one = await cli.run({ DATABASE_URL: database.url, ...settings });
      const two = await cli.run({ DATABASE_URL: database.url, ...settings, PROCESSES: "2" });
      return { one: { exit: one.exit, output: one.output }, two: { exit: two.exit, output: two.output } };
    };

    const usePort = async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("no port");
      return { port: String(address.port), [Symbol.asyncDispose]: async () => void server.close() };
    };

    test("the port is in use", async () => {
      await using used = await usePort();
      const { one, two } = await outcomes({ PORT: used.port });
      expect(one).toMatchObject({ exit: 1, output: expect.stringContaining(used.port) });
      expect(two).toEqual(one);
    });

    test("the other processes exit silently when the primary exits", async () => {
      await using used = await usePort();
      // Their messages may arrive after the primary is gone: with eight processes, two times in five.
      for (let start = 0; start < amount(2, 5); start++) {
        const { exit, output } = await cli.run({ DATABASE_URL: database.url, PORT: used.port, PROCESSES: "8" });
        expect(exit).toBe(1);
        expect(output.trimEnd()).toBe(
          `Port ${used.port} on 127.0.0.1 is in use. Stop what listens there, or set PORT to another.`,
        );
      }
    });

    test("the database does not respond", async () => {
      const port = await findFreePort();
      const { one, two } = await outcomes({ DATABASE_URL: `postgres://user:secret@127.0.0.1:${port}/db` });
      expect(one).toMatchObject({ exit: 1, output: expect.stringContaining(`${port}`) });
      expect(two).toEqual(one);
    });

    test("a setting is invalid", async () => {
      const { one, two } = await outcomes({ LOG_LEVEL: "loud" });
      expect(one).toMatchObject({ exit: 1, output: expect.stringContaining("LOG_LEVEL") });
      expect(two).toEqual(one);
    });
  });
});
