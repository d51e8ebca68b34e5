import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { DaoApp } from "@flux/dao-http";

/** Makes your server listen on a port (0: any free one); returns its URL, and a function that stops it. */
export async function listen(server: Server, dao: DaoApp, port: number) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;

  /** Finishes the in-flight requests and accepts no more. */
  async function stop() {
    dao.announceStop();
    server.close();
    await once(server, "close");
  }
  return { url: `http://127.0.0.1:${address.port}`, stop };
}
