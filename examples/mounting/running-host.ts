import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { DaoApp, DaoAppOptions } from "@flux/dao-http";

/** What a host has for the data API: its database, and the keys of those who may call. */
export type HostOptions = Pick<DaoAppOptions, "services" | "keys" | "logger">;

/** A host that listens. */
export interface RunningHost {
  /** Without a slash at its end; the data API is below it, at `/data`. */
  readonly url: string;
  /** Answers what it has begun to answer, and nothing more. */
  stop(): Promise<void>;
}

/** Has the host's server listen; port 0 is any that is free. */
export async function listen(server: Server, port: number, dao: DaoApp): Promise<RunningHost> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    async stop() {
      dao.announceStop();
      server.close();
      await once(server, "close");
    },
  };
}
