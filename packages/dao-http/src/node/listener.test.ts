import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { toNodeListener } from "./listener.ts";

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
