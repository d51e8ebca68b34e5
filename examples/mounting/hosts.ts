import { createServer } from "node:http";
import type { DaoAppOptions } from "@flux/dao-http";
import { getRequestListener } from "@hono/node-server";
import { expressHost } from "./express.ts";
import { fastifyHost } from "./fastify.ts";
import { honoHost } from "./hono.ts";
import { listen } from "./listen.ts";
import { nodeHttpHost } from "./node-http.ts";

/** A listening app; the data API is below its `url`, at `/data`. */
export interface RunningHost {
  readonly url: string;
  stop(): Promise<void>;
}

type StartHost = (options: DaoAppOptions, port: number) => Promise<RunningHost>;

/** Each app on its own port. */
export const hosts: Readonly<Record<string, StartHost>> = {
  express(options, port) {
    const { app, dao } = expressHost(options);
    return listen(createServer(app), dao, port);
  },
  async fastify(options, port) {
    const { app } = fastifyHost(options);
    return { url: await app.listen({ host: "127.0.0.1", port }), stop: () => app.close() };
  },
  hono(options, port) {
    const { app, dao } = honoHost(options);
    return listen(createServer(getRequestListener(app.fetch)), dao, port);
  },
  "node-http"(options, port) {
    const { server, dao } = nodeHttpHost(options);
    return listen(server, dao, port);
  },
};
