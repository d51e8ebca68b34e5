import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, test, vi } from "vitest";
import type { HttpRequest, HttpResponse } from "../http/http-message.ts";
import { ClientGoneError } from "../http/problem.ts";
import { NDJSON } from "../wire/json.ts";
import { DEPARTURE_PROBE_INTERVAL } from "../wire/limits.ts";
import { toNodeListener } from "./listener.ts";

async function listening(handle: (request: HttpRequest) => Promise<HttpResponse>) {
  const server = createServer(toNodeListener(handle)).listen(0, "127.0.0.1");
  Reflect.set(server, "httpAllowHalfOpen", true);
  await once(server, "listening");
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { socket: connect(address.port, "127.0.0.1"), [Symbol.asyncDispose]: async () => void server.close() };
}

async function* oneLine() {
  yield "{}\n";
}

const REQUEST = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

test("requests of a connection share one signal, which their responses do not abort", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  await using server = await listening(async ({ signal }) => {
    signals.push(signal);
    return { status: 200, headers: {}, body: "x" };
  });
  const { socket } = server;
  for (let count = 0; count < 2; count++) {
    socket.write(REQUEST);
    await once(socket, "data");
  }
  socket.write(REQUEST + REQUEST);
  await expect.poll(() => signals.length).toBe(4);
  expect(new Set(signals).size).toBe(1);
  expect(signals[0]?.aborted).toBe(false);
  socket.destroy();
  await expect.poll(() => signals[0]?.aborted).toBe(true);
});

test.each(["destroy", "end"] as const)(
  "a client that closes by %s aborts all waiting requests of its connection",
  async (close) => {
    const waiting: AbortSignal[] = [];
    await using server = await listening(({ signal }) => {
      if (signal !== undefined) waiting.push(signal);
      return new Promise<never>(() => undefined);
    });
    server.socket.on("error", () => undefined).write(REQUEST + REQUEST);
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    server.socket[close]();
    if (close === "end") {
      // It still reads, like a half-closed client, until it disconnects.
      await once(server.socket, "data");
      expect(waiting.some(({ aborted }) => aborted)).toBe(false);
      server.socket.destroy();
    }
    await expect.poll(() => waiting.every(({ aborted }) => aborted)).toBe(true);
    for (const { reason } of waiting) expect(reason).toBeInstanceOf(ClientGoneError);
  },
);

test("a stream that begins when its client is gone is not probed for as long as the process runs", async () => {
  const started = vi.spyOn(globalThis, "setInterval");
  const cleared = vi.spyOn(globalThis, "clearInterval");
  let waiting: AbortSignal | undefined;
  await using server = await listening(async ({ signal }) => {
    waiting = signal;
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    return { status: 200, headers: { "content-type": NDJSON }, body: oneLine() };
  });
  server.socket.write(REQUEST);
  await expect.poll(() => waiting).toBeDefined();
  server.socket.destroy();
  const timers = () => started.mock.results.filter((_, at) => started.mock.calls[at]?.[1] === DEPARTURE_PROBE_INTERVAL);
  await expect.poll(() => waiting?.aborted).toBe(true);
  expect(timers()).not.toEqual([]);
  const isCleared = (timer: unknown) => cleared.mock.calls.some(([one]) => one === timer);
  await expect.poll(() => timers().every(({ value }) => isCleared(value))).toBe(true);
});
