import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { within } from "../../../../test/within.ts";
import { createDaoApp } from "../app/app.ts";
import { stubServices } from "../testing/services-stub.ts";
import { toNodeListener } from "./listener.ts";
import { type ServerOptions, startServer } from "./server.ts";
import { SettingsError } from "./settings-error.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function start(answer?: Parameters<typeof stubServices>[0], options: Partial<ServerOptions> = {}) {
  const { services } = stubServices(answer);
  const app = createDaoApp({ services, keys: [{ name: "test", key: "k" }], logger: silent });
  return startServer({ app, port: 0, stopDelay: 0, ...options });
}

/** Sends bytes as they are, and reads until the server closes. */
function sendRaw(url: string, ...parts: readonly string[]): Promise<string> {
  return readAll(connect(Number(new URL(url).port), "127.0.0.1"), ...parts);
}

async function readAll(socket: Socket, ...parts: readonly string[]): Promise<string> {
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  socket.on("error", () => undefined);
  for (const part of parts) socket.write(part);
  await once(socket, "close");
  return received;
}

const head = (...lines: readonly string[]) => `${["Host: x", "X-Flux-Service-Key: k", ...lines].join("\r\n")}\r\n\r\n`;
const post = (...lines: readonly string[]) =>
  `POST /api/v1/users/ HTTP/1.1\r\n${head("Content-Type: application/json", ...lines)}`;

describe("the Node server", () => {
  test("responds over a socket, one request after the other on one connection", async () => {
    await using server = await start(({ args }) => ({ id: "7", ...Object(args[0]) }));
    const get = `GET /api/v1/users/0 HTTP/1.1\r\n${head()}`;
    const text = await sendRaw(server.url, get, `${post("Content-Length: 16", "Connection: close")}{"name":"Jané"}`);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 201"]);
    expect(text).toContain('"name":"Jané"');
  });

  test("a HEAD has the length of the GET and no body; a 204 neither", async () => {
    await using server = await start(({ method }) => (method === "deleteUser" ? undefined : { id: "7" }));
    const answer = await sendRaw(server.url, `HEAD /api/v1/users/0 HTTP/1.1\r\n${head("Connection: close")}`);
    expect(answer).toMatch(/content-length: 10\r\n/i);
    expect(answer).toMatch(/\r\n\r\n$/);
    const gone = await sendRaw(server.url, `DELETE /api/v1/users/0 HTTP/1.1\r\n${head("Connection: close")}`);
    expect(gone).toMatch(/^HTTP\/1\.1 204/);
    expect(gone).not.toMatch(/content-length|transfer-encoding/i);
  });

  test("a body in pieces of one byte uses no more memory than its length", async () => {
    await using server = await start();
    setFlagsFromString("--expose-gc");
    const collectGarbage: () => void = runInNewContext("gc");
    const memory = () => {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1").on("error", () => undefined);
    socket.write(post("Transfer-Encoding: chunked"));
    const pieces = "1\r\nx\r\n".repeat(10_000);
    const send = () => new Promise((resolve) => socket.write(pieces, resolve));
    await send();
    const before = memory();
    for (let sent = 0; sent < 100; sent++) {
      await send();
      await delay(1);
    }
    expect(memory() - before).toBeLessThan(20_000_000);
    socket.destroy();
  });

  test("a body that is rejected unread is received, so that the response arrives: 413 for 3 MB in chunks, 403, 415", async () => {
    await using server = await start();
    const chunk = `${(65_536).toString(16)}\r\n${"x".repeat(65_536)}\r\n`;
    const chunks = [...Array.from({ length: 48 }, () => chunk), "0\r\n\r\n"];
    const chunked = ["Transfer-Encoding: chunked", "Connection: close"];
    expect(await sendRaw(server.url, post(...chunked), ...chunks)).toMatch(/^HTTP\/1\.1 413/);
    const anonymous = post(...chunked).replace("X-Flux-Service-Key: k\r\n", "");
    expect(await sendRaw(server.url, anonymous, ...chunks)).toMatch(/^HTTP\/1\.1 403/);
    const plain = post(...chunked).replace("application/json", "text/plain");
    expect(await sendRaw(server.url, plain, ...chunks)).toMatch(/^HTTP\/1\.1 415/);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  test("a body that is announced and never sent is not waited for", async () => {
    await using server = await start();
    const request = post("Content-Length: 5000000", "Connection: close");
    expect(await within(4_000, () => sendRaw(server.url, request))).toMatch(/^HTTP\/1\.1 413/);
  });

  test("an incomplete body affects no other request", async () => {
    await using server = await start();
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.write(`${post("Content-Length: 100")}{"name":`);
    await delay(50);
    socket.destroy();
    await delay(50);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  test.each([
    ["no HTTP", "nonsense\r\n\r\n", "400", "validation_failed"],
    ["an unknown method", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", "400", "validation_failed"],
    ["two lengths", `${post("Content-Length: 1", "Content-Length: 2")}`, "400", "validation_failed"],
    ["huge headers", `GET / HTTP/1.1\r\n${head(`X-Large: ${"x".repeat(40_000)}`)}`, "431", "headers_too_large"],
  ])("%s is a problem too", async (_, text, status, code) => {
    await using server = await start();
    const answer = await sendRaw(server.url, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/content-type: application\/problem\+json\r\n/i);
    expect(answer).toMatch(/x-request-id: \S+/i);
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject({ status: Number(status), code });
  });

  test("a handler that rejects closes its own connection, not the process", async () => {
    await using server = createServer(toNodeListener(() => Promise.reject(new Error("unforeseen"))));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    for (let time = 0; time < 2; time++) await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  test("garbage after a request in progress waits for its response", async () => {
    let finish: (row: unknown) => void = () => undefined;
    const row = new Promise((resolve) => {
      finish = resolve;
    });
    const lines: object[] = [];
    const log = (fields: object) => void lines.push(fields);
    const logger = { info: log, warn: log, error: log };
    await using server = await start(() => row, { logger });
    const answers = sendRaw(server.url, `${post("Content-Length: 2")}{}garbage\r\n\r\n`, "more garbage\r\n\r\n");
    // The server has read the garbage by the time it responds on another connection.
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    finish({ id: "7" });
    const text = await answers;
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 201", "HTTP/1.1 400"]);
    expect(text).toContain('{"id":"7"}');
    const requestId = /.*x-request-id: (\S+)/is.exec(text)?.[1];
    expect(lines).toEqual([{ method: null, path: null, status: 400, ms: 0, request_id: requestId, caller: null }]);
    expect(text.slice(text.lastIndexOf("HTTP/1.1 4"))).toMatch(/cache-control: no-store\r\n/i);
  });

  test.each([
    ["GET /health HTTP/1.1\r\n\r\n", 400, "Host is missing; HTTP/1.1 requires it."],
    [
      "CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
      405,
      "This service is not a proxy: it does not support CONNECT.",
    ],
    [
      "FOO /api/v1/users/ HTTP/1.1\r\nHost: x\r\n\r\n",
      400,
      "The input has an unknown method; send GET, HEAD, POST, PUT, PATCH or DELETE, in capitals.",
    ],
    [
      `GET /health HTTP/1.1\r\nHost: x\r\n\r\nget /health HTTP/1.1\r\n\r\n`,
      400,
      "The input has an unknown method; send GET, HEAD, POST, PUT, PATCH or DELETE, in capitals.",
    ],
    [
      `GET /api/v1/users/ HTTP/1.1\r\n${head("Expect: a-miracle", "Connection: close")}`,
      400,
      "Expect must be 100-continue, or be omitted.",
    ],
  ])("%j: %i %s", async (bytes, status, detail) => {
    await using server = await start();
    const text = await sendRaw(server.url, bytes);
    const last = text.slice(text.lastIndexOf("HTTP/1.1 4"));
    expect(last).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(last).toMatch(/x-request-id: \S+/i);
    expect(last).toMatch(/content-type: application\/problem\+json\r\n/i);
    expect(JSON.parse(last.slice(last.indexOf("\r\n\r\n")))).toMatchObject({ status, detail });
  });

  test("100 Continue is sent when the body is about to be read, not before key and length are checked", async () => {
    await using server = await start(() => ({ id: "7" }));
    const ask = (length: number, key: string) =>
      post("Expect: 100-continue", `Content-Length: ${length}`).replace("Service-Key: k", `Service-Key: ${key}`);
    const port = Number(new URL(server.url).port);
    for (const [length, key, status] of [
      [2, "wrong", 403],
      [5_000_000, "k", 413],
    ] as const) {
      const [first] = await once(connect(port, "127.0.0.1").end(ask(length, key)), "data");
      expect(String(first)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(String(first)).toMatch(/connection: close\r\n/i);
    }
    const socket = connect(port, "127.0.0.1");
    socket.write(ask(2, "k"));
    expect(String(await once(socket, "data"))).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    expect(await readAll(socket, "{}")).toMatch(/^HTTP\/1\.1 201 /);
  });

  test("a request that is interrupted within its body has one line in the log, with the id of its response", async () => {
    const lines: { request_id?: string; status?: number }[] = [];
    const log = (fields: object) => void lines.push(fields);
    const logger = { info: log, warn: log, error: log };
    const app = createDaoApp({ services: stubServices().services, keys: [{ name: "test", key: "k" }], logger });
    await using server = await startServer({ app, port: 0, stopDelay: 0, logger });
    const text = await sendRaw(server.url, `${post("Transfer-Encoding: chunked")}xyz\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toMatchObject({ status: 400, request_id: /x-request-id: (\S+)/i.exec(text)?.[1] });
  });

  test("a client that does not read its response is disconnected, and its slot is freed", async () => {
    const row = { name: "x".repeat(50_000_000) };
    await using server = await start(() => row, { sendTimeout: 200, maxConnections: 1 });
    const slow = connect(Number(new URL(server.url).port), "127.0.0.1");
    slow.on("error", () => undefined);
    slow.pause().write(`GET /api/v1/users/0 HTTP/1.1\r\n${head()}`);
    await once(slow, "connect");
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    await expect
      .poll(
        () =>
          fetch(`${server.url}/health`).then(
            ({ status }) => status,
            () => 0,
          ),
        // Before the default time-out.
        { timeout: 15_000 },
      )
      .toBe(200);
    slow.destroy();
  });

  test("one whose response takes longer to produce gets it", async () => {
    await using server = await start(() => delay(600, { id: "7" }), { sendTimeout: 100 });
    expect(await sendRaw(server.url, `GET /api/v1/users/0 HTTP/1.1\r\n${head("Connection: close")}`)).toMatch(/ 200 /);
  });

  test("a port in use is named", async () => {
    await using server = await start();
    const port = Number(new URL(server.url).port);
    const error = await start(undefined, { port }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SettingsError);
    expect(String(error)).toContain(`Port ${port} on 127.0.0.1 is in use`);
  });
});

describe("stopping", () => {
  test("a request in progress is finished, then the database is closed, then the stop is done", async () => {
    const events: string[] = [];
    const database = {
      close: async () => {
        events.push("database closed");
      },
    };
    const answer = vi.fn(async () => {
      await delay(300);
      events.push("answered");
      return { id: "7" };
    });
    const server = await start(answer, { database });
    const slow = fetch(`${server.url}/api/v1/users/0`, { headers: { "X-Flux-Service-Key": "k" } });
    // Silent connections must not delay it.
    const silentSocket = connect(Number(new URL(server.url).port), "127.0.0.1");
    silentSocket.on("error", () => undefined);
    await expect.poll(() => answer.mock.calls.length).toBe(1);
    await Promise.all([server.stop(), server.stop()]);
    events.push("stopped");
    expect((await slow).status).toBe(200);
    expect(events).toEqual(["answered", "database closed", "stopped"]);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });

  test("/ready is 503 first, while other requests still get responses", async () => {
    const server = await start(undefined, { stopDelay: 400 });
    const stopped = server.stop();
    expect((await fetch(`${server.url}/ready`)).status).toBe(503);
    const health = await fetch(`${server.url}/health`);
    expect({ status: health.status, connection: health.headers.get("connection") }).toEqual({
      status: 200,
      connection: "close",
    });
    await stopped;
  });

  test("requests that do not finish within the grace period are aborted", async () => {
    const answer = vi.fn(() => new Promise(() => undefined));
    const server = await start(answer, { gracePeriod: 300 });
    const hanging = fetch(`${server.url}/api/v1/users/0`, { headers: { "X-Flux-Service-Key": "k" } });
    const outcome = hanging.then(
      () => "answered",
      () => "cut off",
    );
    await expect.poll(() => answer.mock.calls.length).toBe(1);
    await within(1_500, () => server.stop());
    expect(await outcome).toBe("cut off");
  });
});
