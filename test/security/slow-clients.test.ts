import { connect, type Socket } from "node:net";
import { startServer } from "@flux/dao-http/server";
import { describe, expect, test } from "vitest";
import { app, CLIENTS, importing, once, post, trickle, useSlowServer, usualRequest } from "./slow-client.ts";

const server = useSlowServer();

/** Opens `count` requests, of whose bodies only `body` ever arrives; resolves with a way to close them. */
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

describe("a slow sender does not count as a request in progress", () => {
  test.each([
    ["bodies", `${post}Content-Length: 1000\r\n\r\n{`],
    ["bodies of requests with an idempotency key", `${once}Content-Length: 1000\r\n\r\n{`],
    ["chunked bodies", `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`],
    ["imports", `${importing}Content-Length: 1000\r\n\r\n{`],
  ])("%s", async (_, head) => {
    const slow = await standing(CLIENTS, head);
    for (const method of ["GET", "POST", "GET", "POST"] as const) {
      expect(await usualRequest(server.url, method)).toBeLessThan(300);
    }
    slow.close();
  });

  test("and the memory for their bodies is bounded: of 80 MiB the oldest are rejected, and a new body is read", async () => {
    const head = `${post}Content-Length: 1048576\r\n\r\n`;
    const slow = await standing(80, head, new Uint8Array(1_048_575));
    await expect
      .poll(() => slow.answers.filter((answer) => answer.startsWith("HTTP/1.1 503 ")).length)
      .toBeGreaterThanOrEqual(16);
    expect(slow.answers.join("").toLowerCase()).toContain("retry-after: 2");
    expect(slow.answers.filter((answer) => answer === "").length).toBeGreaterThan(50);
    expect(await usualRequest(server.url, "POST")).toBe(201);
    slow.close();
  });
});

test("a slow client without a key gets its 403 at once, and cannot keep the connection", async () => {
  const { answer } = await trickle(
    server.url,
    "POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
    "x",
  );
  expect(answer.startsWith("HTTP/1.1 403 ")).toBe(true);
});

describe("more connections than the maximum", () => {
  test("are closed at once, and the existing ones are served", async () => {
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
