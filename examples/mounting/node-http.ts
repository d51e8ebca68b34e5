import { createServer } from "node:http";
import { createDaoApp, type DaoAppOptions, toNodeListener } from "@flux/dao-http";

/** Your own `node:http` server, with the data API under /data. */
export function nodeHttpHost(options: DaoAppOptions) {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const answer = toNodeListener(dao.handle);

  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith("/data/")) answer(incoming, outgoing);
    else incoming.pipe(outgoing);
  });
  return { server, dao };
}
