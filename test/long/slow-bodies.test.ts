import { once } from "node:events";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createDaoApp, toNodeListener } from "@flux/dao-http";
import { createLogger, type RunningServer, startServer } from "@flux/dao-http/server";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";

// All of them wait for the same time-out, so they run concurrently.
vi.setConfig({ maxConcurrency: 100 });

/** Milliseconds: the default time-out, and times beyond it. The last one has a margin for the machine's load. */
const BODY_TIMEOUT = 30_000;
const LONGER = 40_000;
const TEST_TIME = 150_000;

const key = "slow-bodies-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const logger = createLogger({ level: "silent" });

/** The title of a first task that keeps the service busy for longer than the time-out. */
const SLOW_IMPORT = "slow";

const { services } = stubServices(async ({ method, args: [input] }) => {
  if (method === "getUser") return { id, name: "a".repeat(200_000) };
  if (method !== "createTasks") return { id };
  let createdCount = 0;
  for await (const task of input as AsyncIterable<{ title: string }>) {
    if (createdCount++ === 0 && task.title === SLOW_IMPORT) await delay(LONGER);
  }
  return { createdCount };
});
const app = createDaoApp({ services, keys: [{ name: "tester", key }], logger });

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ app, port: 0, logger, stopDelay: 0, gracePeriod: 500 });
});
afterAll(() => server.stop());

const line = (title: string) => `${JSON.stringify({ title: title.padEnd(100) })}\n`;
const slowLine = `${JSON.stringify({ title: SLOW_IMPORT })}\n`;
const json = (length: number) => JSON.stringify({ name: "a".repeat(length - 11) });
const head = (target: string, type: string, length: number) =>
  `POST /api/v1/${target} HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\nContent-Type: ${type}\r\n` +
  (length > 0 ? `Content-Length: ${length}\r\n\r\n` : "Transfer-Encoding: chunked\r\n\r\n");
const asJson = (length: number) => head("users/", "application/json", length);
const asLines = (length: number) => head("tasks/import", "application/x-ndjson", length);

interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly milliseconds: number;
}

/** Sends bytes, with pauses, until the service responds; resolves with the whole response. */
async function send(pieces: Iterable<string | number>): Promise<Outcome> {
  const { hostname, port } = new URL(server.url);
  const start = performance.now();
  const socket = connect(Number(port), hostname).on("error", () => undefined);
  let text = "";
  const over = new Promise<void>((resolve) => {
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (/\r\n\r\n.*\}$/s.test(text)) resolve();
    });
    socket.on("close", () => resolve());
  });
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  for (const piece of pieces) {
    if (isOver) break;
    if (typeof piece === "number") await Promise.race([delay(piece), over]);
    else socket.write(piece);
  }
  await over;
  const milliseconds = performance.now() - start;
  socket.destroy();
  // The last one: an interim response may precede it.
  const at = text.lastIndexOf("HTTP/1.1 ");
  return { status: Number(text.slice(at + 9, at + 12)), text, milliseconds };
}

/** `rate` bytes a second, until all are sent. */
function* paced(first: string, body: string, perSecond: number): Generator<string | number> {
  yield first;
  for (let at = 0; at < body.length; at += perSecond) {
    yield body.slice(at, at + perSecond);
    yield 1_000;
  }
}

function* thenSilence(...pieces: string[]): Generator<string | number> {
  yield* pieces;
  yield TEST_TIME;
}

const slowJson = json(24_000);
const slowLines = line("a").repeat(220);
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe.concurrent("with the default time-out, a body", { timeout: TEST_TIME }, () => {
  test.each([
    ["JSON", asJson(slowJson.length), slowJson],
    ["an import", asLines(slowLines.length), slowLines],
  ])("may take longer in total, as long as data keeps arriving: %s", async (_, first, body) => {
    const { status, milliseconds } = await send(paced(first, body, 600));
    expect(status).toBe(201);
    expect(milliseconds).toBeGreaterThan(BODY_TIMEOUT);
  });

  test("is not timed out while the service does not read it", async () => {
    const body = slowLine + line("a").repeat(20_000);
    const { status, text } = await send([asLines(body.length), body]);
    expect(text).toContain('{"created_count":20001}');
    expect(status).toBe(201);
  });

  test("is not timed out while the service processes the data that it has read, though the rest arrives late", async () => {
    const { status } = await send([asLines(slowLine.length * 2), slowLine, LONGER + 5_000, slowLine]);
    expect(status).toBe(201);
  });

  test.each([
    ["an import byte by byte", paced(asLines(1_000), slowLines, 1)],
    ["chunks of an import", paced(asLines(0), chunk("{").repeat(200), 6)],
    ["JSON below the minimum rate", paced(asJson(24_000), slowJson, 250)],
    ["an import below the minimum rate", paced(asLines(24_000), slowLines, 250)],
    ["one that stops", thenSilence(asLines(24_000), slowLines.slice(0, 9_000))],
    ["one that stops after arriving fast enough", thenSilence(asLines(24_000), slowLines.slice(0, 20_500))],
    ["JSON that stops after arriving fast enough", thenSilence(asJson(24_000), slowJson.slice(0, 20_500))],
    [
      "one that the service has accepted by 100 Continue",
      thenSilence(asJson(1_000).replace("Host", "Expect: 100-continue\r\nHost")),
    ],
    ["one with endless trailers", thenSilence(asJson(0), chunk("{}"), "0\r\nX-A: b\r\n")],
  ])("is a 408 that explains the cause: %s", async (_, pieces) => {
    const { status, text, milliseconds } = await send(pieces);
    expect(status).toBe(408);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text).toContain("The body arrived too slowly: less than 10000 bytes in 30 s");
    expect(milliseconds).toBeGreaterThan(BODY_TIMEOUT * 0.95);
    expect(milliseconds).toBeLessThan(BODY_TIMEOUT * 1.9);
  });

  test.each([
    ["of a length that is read at once", "users/", "application/json", "1000", "{"],
    ["read in pieces", "users/", "application/json", undefined, "{"],
    ["an import", "tasks/import", "application/x-ndjson", undefined, line("a")],
  ])("gets a 408 on a fetch host too: %s", async (_, target, type, length, begin) => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(begin)) });
    const headers = { "x-flux-service-key": key, "content-type": type, ...(length && { "content-length": length }) };
    const init = { method: "POST", headers, body, duplex: "half" as const };
    const response = await app.fetch(new Request(`http://localhost/api/v1/${target}`, init));
    expect([response.status, await response.json()]).toMatchObject([408, { code: "request_timeout" }]);
  });

  test.each(["users/", "tasks/import"])(
    "and a body on HTTP/2 gets a 408, and its connection stays open: %s",
    async (target) => {
      const listener = toNodeListener(app.handle);
      const host = createHttp2Server((incoming, outgoing) => Reflect.apply(listener, undefined, [incoming, outgoing]));
      await once(host.listen(0, "127.0.0.1"), "listening");
      const session = connectHttp2(`http://127.0.0.1:${(host.address() as AddressInfo).port}`);
      const ask = (method: string, path: string) =>
        session.request(
          { ":method": method, ":path": path, "x-flux-service-key": key },
          { endStream: method === "GET" },
        );
      const slow = ask("POST", `/api/v1/${target}`);
      slow.write(line("a"));
      const [headers] = await once(slow, "response");
      expect(headers[":status"]).toBe(408);
      const [next] = await once(ask("GET", `/api/v1/users/${id}`), "response");
      expect(next[":status"]).toBe(200);
      session.destroy();
      host.close();
    },
  );
});

describe("an unread body delays neither the response nor the end of the connection", () => {
  test.each([
    ["of a stream", "tasks/stream", /\r\n0\r\n\r\n$/],
    ["of a long body", `users/${id}`, /a"\}$/],
    ["of a refusal", "users/x", /\}$/],
  ])("%s", async (_, target, end) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname).on("error", () => undefined);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
    });
    socket.write(head(target, "application/json", 1_000).replace("POST", "GET"));
    const trickle = setInterval(() => socket.writable && socket.write("x"), 200);
    await once(socket, "close");
    clearInterval(trickle);
    expect(text).toMatch(end);
  });
});
