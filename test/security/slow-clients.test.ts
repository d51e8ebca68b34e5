import { connect, type Socket } from "node:net";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, type RunningServer, startServer } from "@flux/dao-http/server";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { stubServices } from "../../packages/dao-http/src/services-stub.ts";
import { askedFor, HEADERS_TIMEOUT, REQUEST_TIMEOUT } from "./quick-timeouts.ts";

vi.mock("node:http", async (importOriginal) => (await import("./quick-timeouts.ts")).quickHttp(importOriginal));

const CLIENTS = 150;
/** Milliseconds between two of a slow client's bytes. */
const PAUSE = 60;
/**
 * Milliseconds after which a client counts as never cut off. Coarse on purpose: all clients and the server share this
 * process, so when exactly it happens is the machine's load, while the limits themselves are checked below.
 */
const NEVER = 15_000;

const key = "slow-clients-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

let server: RunningServer;
const { services, calls } = stubServices(() => ({ id }));
beforeAll(async () => {
  const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger: createLogger({ level: "silent" }) });
  server = await startServer({
    app,
    port: 0,
    logger: createLogger({ level: "silent" }),
    stopDelay: 0,
    gracePeriod: 500,
  });
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

const attacks: readonly (readonly [what: string, limit: number, head: string, rest: string])[] = [
  ["says nothing at all", HEADERS_TIMEOUT, "", ""],
  ["sends its request line byte by byte", HEADERS_TIMEOUT, "GET ", "/"],
  ["sends headers without end (slowloris)", HEADERS_TIMEOUT, "GET /health HTTP/1.1\r\nHost: x\r\n", "X-a: b\r\n"],
  ["announces a body and sends none", REQUEST_TIMEOUT, `${post}Content-Length: 1000\r\n\r\n`, ""],
  ["sends a body byte by byte", REQUEST_TIMEOUT, `${post}Content-Length: 1000\r\n\r\n`, "[1,"],
  ["sends a body in chunks of one byte", REQUEST_TIMEOUT, `${post}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n[\r\n"],
  ["sends the next request slowly", HEADERS_TIMEOUT, "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET ", "/"],
];

describe(`issue 3: a client is cut off that`, () => {
  test.each(attacks)(`%s; ${CLIENTS} at once, and others are served meanwhile`, async (what, limit, head, rest) => {
    const before = calls.length;
    const clients = Array.from({ length: CLIENTS }, () => trickle(head, rest));
    let isOver = false;
    const over = Promise.all(clients).then((cutOff) => {
      isOver = true;
      return cutOff;
    });
    let served = 0;
    while (!isOver) {
      const answer = await fetch(`${server.url}/api/v1/users/${id}`, { headers: { "X-Flux-Service-Key": key } });
      expect(answer.status).toBe(200);
      served++;
    }
    for (const { answer, milliseconds } of await over) {
      expect(milliseconds).toBeGreaterThanOrEqual(limit * 0.9);
      expect(milliseconds).toBeLessThan(NEVER);
      // What came before, on the same connection, has its answer.
      expect(answer.startsWith(what.startsWith("sends the next") ? "HTTP/1.1 200 " : "HTTP/1.1 408 ")).toBe(true);
      expect(answer).toContain('"code":"request_timeout"');
      expect(answer.toLowerCase()).toContain("\r\nconnection: close\r\n");
    }
    expect(served).toBeGreaterThan(0);
    // Nothing of it has reached a service.
    expect(calls.length).toBe(before + served);
  });

  test("and its limits are the documented ones", () => {
    expect(askedFor[0]).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1_000,
    });
  });
});

test("a slow client without a key gets its 403 at once, and cannot hold the connection", async () => {
  const { answer, milliseconds } = await trickle(
    "POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
    "x",
  );
  expect(answer.startsWith("HTTP/1.1 403 ")).toBe(true);
  expect(milliseconds).toBeLessThan(NEVER);
});

describe("more connections than there are places", () => {
  test("are closed at once, and those that are there are served", async () => {
    const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger: createLogger({ level: "silent" }) });
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
