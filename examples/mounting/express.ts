import { createDaoApp, type DaoAppOptions, toNodeListener } from "@flux/dao-http";
import express from "express";

/** Your own Express app, with the data API under /data. */
export function expressHost(options: DaoAppOptions) {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const app = express();

  // Before express.json(): the data API reads its bodies itself, as they arrive.
  app.use("/data", toNodeListener(dao.handle));

  app.use(express.json());
  app.post("/echo", (request, response) => {
    response.json(request.body);
  });
  return { app, dao };
}
