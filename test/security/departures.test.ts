import { connect, type Socket } from "node:net";
import { DaoUnitOfWork, Database, type StatementReport } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, startServer } from "@flux/dao-http/server";
import { describe, expect, inject, test } from "vitest";
import { parseDatabaseUrl } from "../../packages/dao-core/src/connection-string/database-url.ts";
import { postgresDriver } from "../../packages/dao-core/src/drivers/postgres/driver.ts";
import { ClientGoneError } from "../../packages/dao-http/src/http/problem.ts";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";

const AT_WORK = 4;
const key = "departures-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const head = `GET /api/v1/users/${id} HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\n`;
const body = '{"name":"a"}';
const post = `POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

interface Line {
  readonly level: number;
  readonly status?: number;
}

/** A service with few places, whose calls run until `finish` is called. */
async function startBusy() {
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const { services, calls } = stubServices(() => finished.then(() => ({ id })));
  const lines: Line[] = [];
  const logger = createLogger({ destination: { write: (text) => lines.push(JSON.parse(text)) } });
  const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger, maxConcurrentRequests: AT_WORK });
  const server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
  const { hostname, port } = new URL(server.url);
  /** A client and the bytes that it has received. */
  const send = (bytes: string) =>
    new Promise<{ socket: Socket; received: () => string }>((resolve) => {
      let text = "";
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true }).on("error", () => undefined);
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.write(bytes, () => resolve({ socket, received: () => text }));
    });
  const gone = () => lines.filter(({ status }) => status === 499).length;
  return { server, calls, lines, finish, send, gone, [Symbol.asyncDispose]: () => server.stop() };
}

const leave: Readonly<Record<string, (socket: Socket) => void>> = {
  "closes its connection": (socket) => socket.destroy(),
  "resets its connection": (socket) => socket.resetAndDestroy(),
};

describe("a queued request whose client disconnects", () => {
  test.each(
    Object.entries(leave).flatMap(([how, go]) => [
      [how, "GET", `${head}\r\n`, go] as const,
      [how, "POST", post, go] as const,
      [how, "pipelined GETs", `${head}\r\n`.repeat(3), go] as const,
    ]),
  )("is never started: a client that %s, %s", async (_, what, bytes, go) => {
    await using busy = await startBusy();
    const working = await Promise.all(Array.from({ length: AT_WORK }, () => busy.send(`${head}\r\n`)));
    await expect.poll(() => busy.calls.length).toBe(AT_WORK);
    const waiting = await Promise.all(Array.from({ length: 300 }, () => busy.send(bytes)));
    await expect.poll(() => busy.calls.length).toBe(AT_WORK);
    for (const { socket } of waiting) go(socket);
    await expect.poll(busy.gone).toBe(what.startsWith("pipelined") ? 900 : 300);
    const next = await busy.send(`${head}Connection: close\r\n\r\n`);
    busy.finish();
    await expect.poll(next.received).toMatch(/^HTTP\/1\.1 200 /);
    expect(busy.calls).toHaveLength(AT_WORK + 1);
    expect(busy.lines.filter(({ level }) => level > 30)).toEqual([]);
    for (const { socket } of working) socket.destroy();
  });

  test("a client that only half-closes stays queued, and gets its response", async () => {
    await using busy = await startBusy();
    const working = await Promise.all(Array.from({ length: AT_WORK }, () => busy.send(`${head}\r\n`)));
    await expect.poll(() => busy.calls.length).toBe(AT_WORK);
    const waiting = await Promise.all(Array.from({ length: 20 }, () => busy.send(post)));
    for (const { socket } of waiting) socket.end();
    // An interim response distinguishes a closed connection from a half-closed one.
    for (const { received } of waiting) await expect.poll(received).toMatch(/^HTTP\/1\.1 102 Processing\r\n\r\n/);
    busy.finish();
    for (const { received } of waiting) await expect.poll(received).toMatch(/\r\nHTTP\/1\.1 201 [\s\S]*\{/);
    expect(busy.gone()).toBe(0);
    for (const { socket } of [...working, ...waiting]) socket.destroy();
  });
});

describe("a client that half-closes after its request gets its response", () => {
  test.each([
    ["GET", `${head}\r\n`, 200],
    ["POST", post, 201],
    ["HTTP/1.0", `${head}\r\n`.replace("HTTP/1.1", "HTTP/1.0"), 200],
  ])("%s", async (_, bytes, status) => {
    await using busy = await startBusy();
    const { socket, received } = await busy.send("");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.end(bytes);
    await expect.poll(() => busy.calls.length).toBe(1);
    // The server has noticed the half-close by then: it arrived together with the request.
    await fetch(`${busy.server.url}/health`);
    busy.finish();
    await closed;
    expect(received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*"id":"${id}"`));
  });

  test("pipelined requests too, in order", async () => {
    await using busy = await startBusy();
    busy.finish();
    const { socket, received } = await busy.send("");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.end(`${head}\r\n${post}${head}\r\n`);
    await closed;
    expect([...received().matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(["200", "201", "200"]);
  });
});

describe("a request that waits for a database connection while its client disconnects", () => {
  const COUNT = 60;
  const user = '{"name":"a","email":"a@example.com"}';
  const create = post.replace(/Content-Length[\s\S]*/, `Content-Length: ${user.length}\r\n\r\n${user}`);
  /** A request, and how many of them are admitted to wait. */
  const requests: readonly (readonly [what: string, bytes: string, waiting: number])[] = [
    ["a read", `${head}\r\n`, COUNT],
    ["a list", `${head.replace(id, "?count=none")}\r\n`, COUNT],
    // They share one count.
    ["a list with its total", `${head.replace(id, "")}\r\n`, COUNT + 1],
    ["a stream", `${head.replace(`users/${id}`, "tasks/stream")}\r\n`, 8],
    ["a write", create, COUNT],
    [
      "a write with an idempotency key",
      create.replace("Content-Length", "Idempotency-Key: once\r\nContent-Length"),
      COUNT,
    ],
    ["a conditional write", `${head.replace("GET", "DELETE")}If-Match: "x"\r\n\r\n`, COUNT],
  ];

  test.each(requests)("%s is not started", async (_, bytes, waiting) => {
    await using own = await createTestDatabase({ serverUrl: inject("adminUrl") });
    const location = parseDatabaseUrl(own.url);
    if (location.kind !== "postgres") throw new Error("needs a server");
    const driver = postgresDriver(location, { poolSize: 1 });
    const begun: string[] = [];
    const onStatement = ({ text, error }: StatementReport) => {
      if (!(error instanceof ClientGoneError)) begun.push(text);
    };
    await using database = new Database(driver, { onStatement });
    let gone = 0;
    const write = (text: string) => {
      gone += text.split('"status":499').length - 1;
    };
    const logger = createLogger({ destination: { write } });
    const keys = [{ name: "tester", key }];
    const app = createDaoApp({ services: database, keys, logger, maxConcurrentRequests: COUNT });
    await using server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
    const { hostname, port } = new URL(server.url);
    const open = () =>
      Array.from({ length: COUNT }, () => {
        const socket = connect(Number(port), hostname).on("error", () => undefined);
        socket.write(bytes);
        return socket;
      });
    await DaoUnitOfWork.run(database, async (uow) => {
      await uow.users.list({ limit: 1 });
      const sockets = open();
      await expect.poll(() => driver.pool.usage.waiting).toBe(waiting);
      for (const socket of sockets) socket.destroy();
      await expect.poll(() => gone).toBe(COUNT);
      await expect.poll(() => driver.pool.usage.waiting).toBe(0);
      begun.length = 0;
    });
    await database.users.list({ limit: 1, count: "none" });
    expect(begun).toHaveLength(1);
    // The requests of clients that stay are executed.
    const staying = open();
    await Promise.all(staying.map((socket) => new Promise((resolve) => socket.once("data", resolve))));
    expect(begun.length).toBeGreaterThan(COUNT);
    for (const socket of staying) socket.destroy();
  });
});
