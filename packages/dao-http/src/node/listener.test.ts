import { once } from "node:events";
import { createServer, IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { NDJSON } from "../wire/json.ts";
import { toNodeListener } from "./listener.ts";

test("a body that arrives with its head is there at once, and its request ends", async () => {
  const ended: string[] = [];
  const listener = toNodeListener(async (request) => {
    await undefined;
    const body = request.arrivedBody?.();
    return { status: 200, headers: {}, body: body === undefined ? "nothing" : new TextDecoder().decode(body) };
  });
  const server = createServer((incoming, outgoing) => {
    incoming.once("end", () => ended.push(String(incoming.url)));
    listener(incoming, outgoing);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const socket = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
  const responses: string[] = [];
  for (const [path, body] of Object.entries({ "/one": "whole", "/two": "", "/cut": "part" })) {
    const length = path === "/cut" ? body.length + 1 : body.length;
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`);
    const [response] = await once(socket, "data");
    responses.push(String(response).split("\r\n\r\n")[1] ?? "");
  }
  expect(responses).toEqual(["whole", "", "nothing"]);
  expect(ended).toEqual(["/one", "/two"]);
  socket.destroy();
  server.close();
});

test("a packet of thousands of chunks is read in few pieces", async () => {
  const count = 10_000;
  let pieces = 0;
  let bytes = 0;
  const server = createServer(
    toNodeListener(async (request) => {
      for await (const piece of request.readChunks()) {
        pieces++;
        bytes += piece.length;
      }
      return { status: 204, headers: {}, body: undefined };
    }),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const socket = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(count)}0\r\n\r\n`,
  );
  const [response] = await once(socket, "data");
  expect(String(response)).toMatch(/^HTTP\/1\.1 204 /);
  expect(bytes).toBe(count);
  expect(pieces).toBeLessThan(100);
  socket.destroy();
  server.close();
});

async function* longLines() {
  for (let count = 0; count < 2; count++) yield `{${" ".repeat(100_000)}}\n`;
}

test("an event of a function, whose socket emits nothing, is a request as well", async () => {
  const incoming: IncomingMessage = Reflect.construct(IncomingMessage, [{ readable: false, destroy: () => undefined }]);
  Object.assign(incoming, { method: "GET", url: "/", httpVersion: "1.1", httpVersionMajor: 1, complete: true });
  const outgoing = new ServerResponse(incoming);
  let sent = "";
  const socket = new Writable({
    write(chunk, _, done) {
      sent += chunk;
      done();
    },
  });
  Reflect.apply(outgoing.assignSocket, outgoing, [socket]);
  let isAborted: boolean | undefined;
  toNodeListener(async ({ signal }) => {
    isAborted = signal?.aborted;
    return { status: 200, headers: { "content-type": NDJSON }, body: longLines() };
  })(incoming, outgoing);
  await expect.poll(() => outgoing.writableEnded).toBe(true);
  expect(isAborted).toBe(false);
  expect(sent).toMatch(/^HTTP\/1.1 200 OK/);
  expect(sent.match(/\{ +\}/g)).toHaveLength(2);
});
