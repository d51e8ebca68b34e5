import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, type RunningServer, startServer } from "@flux/dao-http/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";

/** More than there are places at work. */
const CLIENTS = 150;
/** Milliseconds between two of a slow client's bytes. */
const PAUSE = 1_000;
/** Milliseconds after which a client counts as never cut off, and a request as not served: the machine's load is in it. */
const NEVER = 60_000;
const UNUSUAL = 5_000;

const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;

const key = "slow-clients-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const logger = createLogger({ level: "silent" });

let server: RunningServer;
const { services, calls } = stubServices(() => ({ id }));
beforeAll(async () => {
  const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger });
  server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
});
afterAll(() => server.stop());

/** What became of a client that sends a byte now and then. */
interface CutOff {
  readonly answer: string;
  readonly milliseconds: number;
}

/** Sends `head` at once, and `rest` byte by byte and over again, until the server closes. */
function trickle(head: string, rest: string): Promise<CutOff> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(server.url);
    const start = performance.now();
    const socket: Socket = connect(Number(port), hostname).setNoDelay(true);
    let answer = "";
    let sent = 0;
    const timer = setInterval(() => {
      if (rest !== "" && socket.writable) socket.write(rest[sent++ % rest.length] ?? "");
    }, PAUSE);
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearInterval(timer);
      resolve({ answer, milliseconds: performance.now() - start });
    });
    if (head !== "") socket.write(head);
  });
}

const post = `POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\nContent-Type: application/json\r\n`;
const once = `${post}Idempotency-Key: k\r\n`;
const importing = post.replace("users/", "tasks/import").replace("application/json", "application/x-ndjson");

const attacks: readonly (readonly [what: string, limit: number, head: string, rest: string])[] = [
  ["says nothing at all", HEADERS_TIMEOUT, "", ""],
  ["sends its request line byte by byte", HEADERS_TIMEOUT, "GET ", "/"],
  ["sends headers without end (slowloris)", HEADERS_TIMEOUT, "GET /health HTTP/1.1\r\nHost: x\r\n", "X-a: b\r\n"],
  ["announces a body and sends none", REQUEST_TIMEOUT, `${post}Content-Length: 1000\r\n\r\n`, ""],
  ["sends a body byte by byte", REQUEST_TIMEOUT, `${post}Content-Length: 1000\r\n\r\n`, "[1,"],
  ["sends a body in chunks of one byte", REQUEST_TIMEOUT, `${post}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n[\r\n"],
  ["sends the next request slowly", HEADERS_TIMEOUT, "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET ", "/"],
];

/** A request as others send it; resolves with its status. */
async function usualRequest(method: "GET" | "POST"): Promise<number> {
  const headers = { "X-Flux-Service-Key": key, "Content-Type": "application/json" };
  const target = method === "GET" ? `/api/v1/users/${id}` : "/api/v1/users/";
  const init = { method, headers, signal: AbortSignal.timeout(UNUSUAL), ...(method === "POST" && { body: "{}" }) };
  const response = await fetch(server.url + target, init);
  await response.arrayBuffer();
  return response.status;
}

describe(`all at once, by ${CLIENTS} clients each, with the time-outs that are shipped`, () => {
  const cutOffs = new Map<string, CutOff[]>();
  const statuses = new Set<number>();
  let served = 0;
  let reached = 0;
  beforeAll(async () => {
    const before = calls.length;
    let isOver = false;
    const running = attacks.map(async ([what, , head, rest]) => {
      cutOffs.set(what, await Promise.all(Array.from({ length: CLIENTS }, () => trickle(head, rest))));
    });
    const over = Promise.all(running).then(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const method of ["GET", "POST"] as const) statuses.add(await usualRequest(method));
      served += 2;
      await delay(100);
    }
    await over;
    reached = calls.length - before;
  }, 2 * NEVER);

  test.each(attacks)("a client is cut off that %s", (what, limit) => {
    for (const { answer, milliseconds } of cutOffs.get(what) ?? expect.fail()) {
      expect(milliseconds).toBeGreaterThanOrEqual(limit * 0.9);
      expect(milliseconds).toBeLessThan(NEVER);
      // What came before, on the same connection, has its answer.
      expect(answer.startsWith(what.startsWith("sends the next") ? "HTTP/1.1 200 " : "HTTP/1.1 408 ")).toBe(true);
      expect(answer).toContain('"code":"request_timeout"');
      expect(answer.toLowerCase()).toContain("\r\nconnection: close\r\n");
    }
  });

  test("others are served meanwhile, with bodies and without, and nothing of the slow ones reaches a service", () => {
    expect([...statuses].sort()).toEqual([200, 201]);
    expect(served).toBeGreaterThan(20);
    expect(reached).toBe(served);
  });
});

/** Opens so many requests, of which `body` is all that ever comes; resolves with a way to close them. */
async function standing(count: number, head: string, body: string | Uint8Array = "") {
  const { hostname, port } = new URL(server.url);
  const answers: string[] = [];
  const sockets = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      answers[index] = "";
      const socket = connect(Number(port), hostname).on("error", () => undefined);
      socket.on("data", (bytes) => {
        answers[index] += bytes.toString("latin1");
      });
      socket.write(head);
      await new Promise<void>((resolve) => socket.once("close", resolve).write(body, () => resolve()));
      return socket;
    }),
  );
  return { answers, close: () => sockets.map((socket) => socket.destroy()) };
}

describe("no place at work is held by one who sends slowly", () => {
  test.each([
    ["bodies", `${post}Content-Length: 1000\r\n\r\n{`],
    ["bodies of requests with an idempotency key", `${once}Content-Length: 1000\r\n\r\n{`],
    ["chunked bodies", `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`],
    ["imports", `${importing}Content-Length: 1000\r\n\r\n{`],
  ])("%s", async (_, head) => {
    const slow = await standing(CLIENTS, head);
    for (const method of ["GET", "POST", "GET", "POST"] as const) {
      expect(await usualRequest(method)).toBeLessThan(300);
    }
    slow.close();
  });

  test("and what has come in of them is bounded: of 80 MiB the oldest are refused, and a new body is read", async () => {
    const head = `${post}Content-Length: 1048576\r\n\r\n`;
    const slow = await standing(80, head, new Uint8Array(1_048_575));
    await expect
      .poll(() => slow.answers.filter((answer) => answer.startsWith("HTTP/1.1 503 ")).length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(16);
    expect(slow.answers.join("").toLowerCase()).toContain("retry-after: 2");
    expect(slow.answers.filter((answer) => answer === "").length).toBeGreaterThan(50);
    expect(await usualRequest("POST")).toBe(201);
    slow.close();
  }, 60_000);
});

test(
  "a slow client without a key gets its 403 at once, and cannot hold the connection",
  async () => {
    const { answer, milliseconds } = await trickle(
      "POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
      "x",
    );
    expect(answer.startsWith("HTTP/1.1 403 ")).toBe(true);
    expect(milliseconds).toBeLessThan(NEVER);
  },
  NEVER,
);

describe("more connections than there are places", () => {
  test("are closed at once, and those that are there are served", async () => {
    const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger });
    await using small = await startServer({ app, port: 0, maxConnections: 5, stopDelay: 0, gracePeriod: 500 });
    const { hostname, port } = new URL(small.url);
    const open = () =>
      new Promise<{ socket: Socket; text: string }>((resolve) => {
        const socket = connect(Number(port), hostname).on("error", () => undefined);
        let text = "";
        socket.on("data", (bytes) => {
          text += bytes.toString("latin1");
          resolve({ socket, text });
        });
        socket.on("close", () => resolve({ socket, text }));
        socket.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
      });
    const clients = [];
    for (let index = 0; index < 8; index++) clients.push(await open());
    expect(clients.map(({ text }) => text.slice(0, 12))).toEqual([...Array(5).fill("HTTP/1.1 200"), "", "", ""]);
    for (const { socket } of clients) socket.destroy();
    await expect.poll(async () => (await open()).text.slice(0, 12)).toBe("HTTP/1.1 200");
  });
});
