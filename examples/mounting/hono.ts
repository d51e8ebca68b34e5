import { createDaoApp, type DaoAppOptions } from "@flux/dao-http";
import { Hono } from "hono";

/** Your own Hono app, with the data API under /data. */
export function honoHost(options: DaoAppOptions) {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const app = new Hono();

  app.all("/data/*", (context) => dao.fetch(context.req.raw));

  app.post("/echo", async (context) => context.json(await context.req.json()));
  return { app, dao };
}
