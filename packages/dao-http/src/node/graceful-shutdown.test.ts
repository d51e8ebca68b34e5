import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, test, vi } from "vitest";
import { createDaoApp } from "../app/app.ts";
import { stubServices } from "../testing/services-stub.ts";
import { startServer } from "./server.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function start(answer: Parameters<typeof stubServices>[0], stopDelay: number, gracePeriod = 5_000) {
  const app = createDaoApp({
    services: stubServices(answer).services,
    keys: [{ name: "t", key: "k" }],
    logger: silent,
  });
  return startServer({ app, port: 0, stopDelay, gracePeriod });
}

const request = "GET /api/v1/users/0 HTTP/1.1\r\nHost: x\r\nX-Flux-Service-Key: k\r\n\r\n";

async function open(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1").setEncoding("utf8");
  await once(socket, "connect");
  return socket;
}

/** Sends a request, and reads its whole response. */
async function ask(socket: Socket): Promise<string> {
  socket.write(request);
  let text = "";
  while (!text.endsWith("}")) {
    const [chunk] = await Promise.race([once(socket, "data"), once(socket, "close").then(() => [undefined])]);
    if (chunk === undefined) return `closed after ${JSON.stringify(text)}`;
    text += chunk;
  }
  return text;
}

/** Four clients, each with a connection and a request: their responses, or errors. */
const CLIENTS = `
  const { connect } = require("node:net");
  const { parentPort, workerData: { port, request } } = require("node:worker_threads");
  const call = () => new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("data", (data) => { text += data; }).on("error", ({ code }) => resolve(code)).on("end", () => resolve(text));
  });
  parentPort.once("message", async () => parentPort.postMessage(await Promise.all([call(), call(), call(), call()])));
`;

/** The response of a server that then closes the connection. */
const lastAnswer = expect.stringMatching(/^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*\{"id":"7"\}$/is);

describe("a graceful stop", () => {
  test("a response in progress when it began is the last on its connection", async () => {
    let finish: (row: object) => void = () => undefined;
    const makeAnswer = vi.fn(() => new Promise<object>((resolve) => (finish = resolve)));
    const server = await start(makeAnswer, 0);
    const answer = ask(await open(server.url));
    await expect.poll(() => makeAnswer.mock.calls.length, { interval: 5 }).toBe(1);
    const stopped = server.stop();
    finish({ id: "7" });
    expect(await answer).toEqual(lastAnswer);
    await stopped;
  });

  test("a recently used connection gets another response after the port is closed", async () => {
    const server = await start(() => ({ id: "7" }), 400);
    const silentSocket = await open(server.url);
    silentSocket.resume();
    const stopped = server.stop();
    let used = await open(server.url);
    const connectAgain = async () => {
      const socket = await open(server.url);
      used.resume();
      used = socket;
    };
    await expect.poll(() => connectAgain().catch(({ code }) => code), { interval: 5 }).toBe("ECONNREFUSED");
    expect(await ask(used)).toEqual(lastAnswer);
    await stopped;
    // A silent connection has not delayed the stop.
    await expect.poll(() => silentSocket.destroyed, { interval: 5 }).toBe(true);
  });

  test("clients that connect while the process cannot run get their responses, all of them", async () => {
    const server = await start(() => ({ id: "7" }), 0);
    // On a thread of its own, which connects while this one is blocked.
    const clients = new Worker(CLIENTS, {
      eval: true,
      workerData: { port: Number(new URL(server.url).port), request },
    });
    await once(clients, "online");
    const stopped = server.stop();
    await delay(20);
    clients.postMessage("connect");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
    const [outcomes] = await once(clients, "message");
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => lastAnswer));
    await stopped;
  });

  test.each([{ stopDelay: 50 }, { stopDelay: 500, gracePeriod: 1_000 }])(
    "a client that sends again after each response is never reset, but finally rejected, with %j",
    async (options) => {
      const server = await start(() => ({ id: "7" }), options.stopDelay, options.gracePeriod);
      const outcomes: string[] = [];
      const call = async () => {
        for (;;) {
          let socket: Socket;
          try {
            socket = await open(server.url);
          } catch (error) {
            outcomes.push(error instanceof Error && "code" in error ? String(error.code) : "?");
            return;
          }
          const answer = await ask(socket).catch((error: unknown) => String(error));
          if (!answer.includes('{"id":"7"}')) outcomes.push(answer);
        }
      };
      const clients = Array.from({ length: 8 }, call);
      await delay(50);
      await server.stop();
      await Promise.all(clients);
      expect(outcomes).toEqual(Array.from({ length: 8 }, () => "ECONNREFUSED"));
    },
  );
});
