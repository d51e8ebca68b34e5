import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { createDaoApp, toNodeListener } from "@flux/dao-http";
import { type HostOptions, listen, type RunningHost } from "./running-host.ts";

/** A server of the host's own on `node:http`, with the data API under /data. */
export function startNodeHttp(options: HostOptions, port: number): Promise<RunningHost> {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const answer = toNodeListener(dao.handle);
  const server = createServer(async (incoming, outgoing) => {
    if (incoming.url?.startsWith("/data/")) answer(incoming, outgoing);
    else outgoing.end(JSON.stringify(await json(incoming)));
  });
  return listen(server, port, dao);
}
