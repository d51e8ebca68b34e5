import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { DaoApp } from "@flux/dao-http";

/** Has a host's server listen on a port, 0 being any that is free; answers where, and how to stop it. */
export async function listen(server: Server, dao: DaoApp, port: number) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;

  /** Answers what has begun to be answered, and nothing more. */
  async function stop() {
    dao.announceStop();
    server.close();
    await once(server, "close");
  }
  return { url: `http://127.0.0.1:${address.port}`, stop };
}
