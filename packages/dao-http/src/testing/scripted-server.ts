import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** A response, and what happens to the connection afterwards. */
export interface Reply {
  readonly bytes: string | Uint8Array;
  /** Default `keep`: it waits for the next request. */
  readonly ending?: "keep" | "close" | "reset";
}

/** A server that responds to requests without a body with bytes that the test decides. */
export async function scriptedServer(replyTo: (target: string, count: number) => Reply) {
  const sockets = new Set<Socket>();
  const targets: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    let head = "";
    socket.on("data", (data) => {
      head += data.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      const target = head.split(" ")[1] ?? "";
      head = "";
      targets.push(target);
      const { bytes, ending = "keep" } = replyTo(target, targets.length);
      socket.write(bytes, () => {
        if (ending === "close") socket.end();
        if (ending === "reset") socket.resetAndDestroy();
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    /** The targets of the requests so far. */
    targets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A response with status 200, these headers and this body. */
export function raw(headers: readonly string[], body: string | Uint8Array, version = "1.1"): Uint8Array {
  return Buffer.concat([Buffer.from(`HTTP/${version} 200 OK\r\n${headers.join("\r\n")}\r\n\r\n`), Buffer.from(body)]);
}
