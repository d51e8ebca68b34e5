import { createServer } from "node:http";
import { createDaoApp, toNodeListener } from "@flux/dao-http";
import express from "express";
import { type HostOptions, listen, type RunningHost } from "./running-host.ts";

/** An Express app of the host's own, with the data API under /data. */
export function startExpress(options: HostOptions, port: number): Promise<RunningHost> {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const app = express();
  // Before express.json(): the data API reads its bodies itself, as they come in.
  app.use("/data", toNodeListener(dao.handle));
  app.use(express.json());
  app.post("/echo", (request, response) => {
    response.json(request.body);
  });
  return listen(createServer(app), port, dao);
}
