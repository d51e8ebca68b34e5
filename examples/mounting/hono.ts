import { createServer } from "node:http";
import { createDaoApp } from "@flux/dao-http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { type HostOptions, listen, type RunningHost } from "./running-host.ts";

/** A Hono app of the host's own, with the data API under /data; on Bun, Deno and workers `app` alone is the host. */
export function startHono(options: HostOptions, port: number): Promise<RunningHost> {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const app = new Hono();
  app.all("/data/*", (context) => dao.fetch(context.req.raw));
  app.post("/echo", async (context) => context.json(await context.req.json()));
  return listen(createServer(getRequestListener(app.fetch)), port, dao);
}
