import { createDaoApp, type DaoAppOptions, toNodeListener } from "@flux/dao-http";
import Fastify from "fastify";

/** Your own Fastify app, with the data API under /data. */
export function fastifyHost(options: DaoAppOptions) {
  const dao = createDaoApp({ ...options, basePath: "/data" });
  const answer = toNodeListener(dao.handle);
  const app = Fastify();

  app.register(
    async (data) => {
      // Leaves every body unread, whatever its type: the data API reads it itself, as it arrives.
      data.removeAllContentTypeParsers();
      data.addContentTypeParser("*", (_request, _body, done) => done(null));
      data.all("/*", (request, reply) => {
        reply.hijack();
        answer(request.raw, reply.raw);
      });
    },
    { prefix: "/data" },
  );
  app.addHook("preClose", async () => dao.announceStop());

  app.post("/echo", async (request) => request.body);
  return { app, dao };
}
