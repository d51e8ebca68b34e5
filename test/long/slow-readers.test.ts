import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { createLogger, type RunningServer, startServer } from "@flux/dao-http/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleResult } from "../../packages/dao-http/src/testing/connected-client.ts";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";
import { createGoal, createUser } from "../rest/rows.ts";
import { useRestServer } from "../rest/server.ts";

/** Milliseconds: the default time-out, and times beyond it. The last one has a margin for the machine's load. */
const SEND_TIMEOUT = 60_000;
const LONGER = 75_000;
const TEST_TIME = 240_000;

const key = "slow-readers-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const slowId = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6f";
const logger = createLogger({ level: "silent" });
const rest = useRestServer();

/** More than the socket buffers of both sides hold; nine of them fit into the memory for all responses (64 MiB). */
const large = { id, preferences: { text: "x".repeat(6_000_000) } };
const task = Object(sampleResult("streamTasks"));

const { services } = stubServices(async ({ method, args: [given] }) => {
  if (method === "streamTasks") return endlessTasks();
  if (given === slowId) await delay(LONGER);
  return given === slowId ? { id } : large;
});
async function* endlessTasks() {
  for (;;) yield task;
}

let server: RunningServer;
beforeAll(async () => {
  const app = createDaoApp({ services, keys: [{ name: "job", key }], logger });
  server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
});
afterAll(() => server.stop());

const get = (path: string, version = "1.1") =>
  `GET /api/v1/${path} HTTP/${version}\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\n\r\n`;

interface Reader {
  readonly socket: Socket;
  /** How many bytes it has read. */
  readonly count: () => number;
}

/** Reads `rate` bytes a second, and sends some of its own meanwhile. */
function read(url: string, request: string, perSecond: number, sent = ""): Reader {
  const { hostname, port } = new URL(url);
  let count = 0;
  let budget = perSecond;
  const onread = {
    buffer: new Uint8Array(Math.min(65_536, perSecond)),
    callback: (bytes: number) => {
      count += bytes;
      budget -= bytes;
      return budget > 0;
    },
  };
  const socket = connect({ host: hostname, port: Number(port), onread }).on("error", () => undefined);
  socket.write(request);
  const timer = setInterval(() => {
    budget = perSecond;
    socket.resume();
    if (sent !== "" && socket.writable) socket.write(sent);
  }, 1_000);
  socket.once("close", () => clearInterval(timer));
  return { socket, count: () => count };
}

/** How many of `count` requests, each on a connection of its own, are accepted. */
async function placesOf(url: string, count: number): Promise<number> {
  const { hostname, port } = new URL(url);
  const sockets: Socket[] = [];
  const answered = Array.from({ length: count }, () => {
    const socket = connect(Number(port), hostname).on("error", () => undefined);
    sockets.push(socket);
    socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return new Promise<number>((resolve) => socket.once("data", () => resolve(1)).once("close", () => resolve(0)));
  });
  const places = (await Promise.all(answered)).reduce((sum, place) => sum + place, 0);
  for (const socket of sockets) socket.destroy();
  return places;
}

/** Bytes a second, below the minimum rate (333). */
const TRICKLE = 128;

describe.concurrent("with the default time-out", { timeout: TEST_TIME }, () => {
  test("twelve readers below the minimum rate are disconnected, whatever they send, and others are served meanwhile", async () => {
    const app = createDaoApp({ services, keys: [{ name: "job", key }], logger });
    await using full = await startServer({ app, port: 0, logger, maxConnections: 13, stopDelay: 0, gracePeriod: 500 });
    const start = performance.now();
    const trickle = (request: string, sent?: string) => read(full.url, request, TRICKLE, sent);
    const readers = [
      ...Array.from({ length: 3 }, () => trickle(get(`users/${id}`))),
      ...Array.from({ length: 3 }, () => trickle(get("tasks/stream"))),
      // One byte a second of a request that never ends would keep the connection active.
      ...Array.from({ length: 3 }, () => trickle(`${get("tasks/stream")}GET /`, "x")),
      trickle(get("tasks/stream", "1.0")),
      trickle(get(`users/${id}`).repeat(5)),
      trickle(get(`users/${id}`, "1.0")),
    ];
    let places = 0;
    while (places < 13) {
      await delay(500);
      places = await placesOf(full.url, 13);
      expect(places).toBeGreaterThan(0);
      if (places > 1) expect(performance.now() - start).toBeGreaterThan(SEND_TIMEOUT * 0.95);
    }
    expect(performance.now() - start).toBeLessThan(SEND_TIMEOUT * 2);
    for (const { socket } of readers) socket.destroy();
  });

  test("a slow reader above the minimum rate is not disconnected", async () => {
    const { socket, count } = read(server.url, get("tasks/stream"), 150_000);
    await delay(LONGER);
    const before = count();
    expect(before).toBeGreaterThan(3_000_000);
    // More than the socket buffers hold: it is still being sent.
    for (let look = 0; look < LONGER / 1_000 && count() < before + 3_000_000; look++) await delay(1_000);
    expect(count()).toBeGreaterThanOrEqual(before + 3_000_000);
    socket.destroy();
  });

  test("a response that takes longer than that to produce is not cut off", async () => {
    const response = await fetch(`${server.url}/api/v1/users/${slowId}`, { headers: { "X-Flux-Service-Key": key } });
    expect(response.status).toBe(200);
  });

  test("a loop that works on a task for longer than that continues after it, and gets each task once", async () => {
    const owner = await createUser(rest.call);
    const goal = await createGoal(rest.call, owner);
    await rest.sql(`insert into tasks (user_id, goal_id, title)
      select '${owner.id}', '${goal.id}', repeat('Run ', 60) || n from generate_series(1, 30000) as n`);
    const app = createDaoApp({ services: rest.database, keys: [{ name: "job", key }], logger });
    await using shipped = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
    let breaks = 0;
    const onRetry = () => {
      breaks++;
    };
    const { tasks } = createDaoClient({ baseUrl: shipped.url, serviceKey: key, retry: { onRetry } });
    const ids = new Set<string>();
    let count = 0;
    for await (const { id: taskId } of tasks.streamTasks({ goalId: goal.id })) {
      ids.add(taskId);
      if (count++ === 500) await delay(LONGER);
    }
    expect([count, ids.size]).toEqual([30_000, 30_000]);
    expect(breaks).toBeGreaterThan(0);
  });
});

describe("a stop", () => {
  test("waits for slow senders and readers no longer than its grace period", async () => {
    const app = createDaoApp({ services, keys: [{ name: "job", key }], logger });
    const stopping = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 2_000 });
    const { hostname, port } = new URL(stopping.url);
    const open = (bytes: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname).on("error", () => undefined);
        socket.pause().write(bytes, () => resolve());
      });
    const post = (target: string) =>
      get(target).replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n");
    await open(get("tasks/stream"));
    await open(get(`users/${id}`));
    await open(`${post("users/")}{`);
    await open(`${post("tasks/import")}{`);
    await fetch(`${stopping.url}/health`);
    const begin = performance.now();
    await stopping.stop();
    expect(performance.now() - begin).toBeLessThan(10_000);
    await expect(fetch(`${stopping.url}/health`)).rejects.toThrow();
  });
});
