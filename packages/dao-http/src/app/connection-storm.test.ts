import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { startServer } from "../node/server.ts";
import { stubServices } from "../testing/services-stub.ts";
import { createDaoApp } from "./app.ts";
import { connectionStorm } from "./concurrency-limit.ts";

const KEY = "storm";
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function start() {
  const { services, calls } = stubServices(() => ({ id: "7" }));
  const app = createDaoApp({ services, keys: [{ name: "test", key: KEY }], logger: silent });
  const server = await startServer({ app, port: 0, stopDelay: 0 });
  /** Sends a request on a connection of its own. */
  const send = (path: string) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-Flux-Service-Key: ${KEY}\r\nConnection: close\r\n\r\n`);
    return socket.setEncoding("latin1");
  };
  return { calls, send, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** With it a quarter of a second is never over, however long this process is not run. */
function stoppedClock(): Disposable {
  vi.useFakeTimers({ toFake: ["performance"] });
  return { [Symbol.dispose]: () => vi.useRealTimers() };
}

describe("more new connections than were accepted", () => {
  test("a probe after them gets its response before their requests start, and then each of them starts", async () => {
    await using service = await start();
    using _ = stoppedClock();
    const sockets = Array.from({ length: 100 }, () => service.send("/api/v1/users/7"));
    const responses = sockets.map((socket) => once(socket, "data"));
    const [probe] = await once(service.send("/health"), "data");
    expect(probe).toContain("HTTP/1.1 200");
    expect(service.calls.length).toBeLessThan(10);
    for (const [response] of await Promise.all(responses)) expect(response).toContain("HTTP/1.1 200");
    expect(service.calls.length).toBe(100);
  });

  test("a request waits at most a quarter of a second, even if new connections never stop", async () => {
    let isHeld = true;
    connectionStorm.accepted();
    const held = connectionStorm.leave().then(() => {
      isHeld = false;
    });
    while (isHeld) {
      connectionStorm.accepted();
      await nextTurn();
    }
    expect(connectionStorm.holdsRequests).toBe(true);
    await held;
  });
});
