import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { requestCancel } from "./client.ts";

async function startServer(onRequest: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined).once("data", () => onRequest(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  const openSocket = async () => {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  };
  return { server, sockets, openSocket };
}

const process = { pid: 1, secret: 2 };

test("a cancel request does not end its connection before the server does: PgBouncer 1.18 would crash", async () => {
  const ends: boolean[] = [];
  const { server, sockets, openSocket } = await startServer((socket) => {
    // The end would have arrived with the request.
    setImmediate(() =>
      setImmediate(() => {
        ends.push(socket.readableEnded);
        socket.end();
      }),
    );
  });
  await requestCancel(process, openSocket);
  await Promise.all(sockets.map((socket) => socket.destroyed || once(socket, "close")));
  expect(ends).toEqual([false]);
  server.close();
});

test("a server that hangs leaves no connection of a cancel request open", async () => {
  const { server, sockets, openSocket } = await startServer((socket) => socket.once("end", () => socket.end()));
  await requestCancel(process, openSocket);
  expect(sockets.length).toBeGreaterThan(0);
  await Promise.all(sockets.map((socket) => socket.destroyed || once(socket, "close")));
  server.close();
}, 10_000);
