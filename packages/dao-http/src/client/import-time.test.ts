import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { rejection } from "../testing/connected-client.ts";
import { createDaoClient } from "./dao-client.ts";

/** Milliseconds: the client's time-out, and longer. */
const TIMEOUT = 2_000;
const LONGER = 2_600;

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const task = { userId: id, goalId: id, title: "Run" };

/** A service that handles imports in the test's way. */
async function start(work: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>) {
  const server = createServer((incoming, outgoing) => void work(incoming, outgoing).catch(() => incoming.destroy()));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    tasks: createDaoClient({ baseUrl: `http://127.0.0.1:${port}`, serviceKey: "k", timeout: TIMEOUT }).tasks,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const takeAll = async (incoming: IncomingMessage, outgoing: ServerResponse, pause = 0) => {
  let text = "";
  for await (const chunk of incoming) {
    text += chunk;
    if (pause > 0) await delay(pause);
  }
  outgoing.writeHead(201, { "content-type": "application/json", "x-request-id": "1" });
  outgoing.end(JSON.stringify({ created_count: text.split("\n").length - 1 }));
};

/** Tasks with a pause between them that is longer than the time-out. */
async function* slowly() {
  yield task;
  await delay(LONGER);
  yield task;
}

/** More tasks than fit into the buffers between client and service. */
function* many(count: number) {
  for (let index = 0; index < count; index++) yield { ...task, title: "x".repeat(500) };
}

// At once, since they wait.
describe.concurrent("the time-out of an import over HTTP", () => {
  test("does not count the time of its source", async () => {
    await using service = await start(takeAll);
    expect(await service.tasks.createTasks(slowly())).toEqual({ createdCount: 2 });
  });

  test("restarts as long as the service receives more", async () => {
    await using service = await start((incoming, outgoing) => takeAll(incoming, outgoing, 10));
    const begin = performance.now();
    expect(await service.tasks.createTasks(many(40_000))).toEqual({ createdCount: 40_000 });
    expect(performance.now() - begin).toBeGreaterThan(TIMEOUT);
  });

  test.each([
    ["takes no more", many(50_000)],
    ["does not respond", [task]],
  ])("ends an import of which the service %s", async (_, source) => {
    await using service = await start(() => new Promise(() => undefined));
    const error = await rejection(service.tasks.createTasks(source));
    expect(error).toMatchObject({ code: "unavailable" });
    expect(String(error)).toContain(`did not respond within ${TIMEOUT} ms`);
  });

  test("covers the whole call if it is the call's own, as in-process", async () => {
    await using service = await start(takeAll);
    const error = await rejection(service.tasks.createTasks(slowly(), { timeout: TIMEOUT + 100 }));
    expect(String(error)).toContain(`did not respond within ${TIMEOUT + 100} ms`);
  });
});

/** A source that never ends. */
async function* hanging(count = 1) {
  yield* many(count);
  await new Promise(() => undefined);
}

describe("an import over HTTP whose source hangs", () => {
  test("ends at its time-out", async () => {
    await using service = await start(takeAll);
    const error = await rejection(service.tasks.createTasks(hanging(), { timeout: 100 }));
    expect(String(error)).toContain("did not respond within 100 ms");
  });

  test("ends when its signal aborts", async () => {
    await using service = await start(takeAll);
    const controller = new AbortController();
    const importing = rejection(service.tasks.createTasks(hanging(), { signal: controller.signal }));
    setTimeout(() => controller.abort("enough"), 50);
    expect(await importing).toBe("enough");
  });

  test("ends when the service responds", async () => {
    await using service = await start(async (_, outgoing) => {
      outgoing.writeHead(503, { "content-type": "application/problem+json", "x-request-id": "1" });
      outgoing.end(JSON.stringify({ code: "unavailable", detail: "Full." }));
    });
    expect(await rejection(service.tasks.createTasks(hanging(1_000)))).toMatchObject({ code: "unavailable" });
  });
});

test.each([
  ["fails", () => Promise.reject(new Error("It cannot be closed."))],
  ["hangs", () => new Promise<never>(() => undefined)],
])("an import over HTTP rejects with what its source threw, even if closing that %s", async (_, close) => {
  await using service = await start(takeAll);
  const failure = new Error("The file ends in the middle.");
  const source = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(failure), return: close }),
  };
  expect(await rejection(service.tasks.createTasks(source))).toBe(failure);
});
