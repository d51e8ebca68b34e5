import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { openDatabase } from "@flux/dao-core";

/** A database of one connection, behind a proxy that counts how often the client sends something after the server has. */
export async function countedDatabase(databaseUrl: string) {
  const target = new URL(databaseUrl);
  let trips = 0;
  let connections = 0;
  let rewrite = (data: Buffer) => data;
  const server = createServer((client) => {
    connections++;
    const upstream = connect(Number(target.port), target.hostname);
    let isOurTurn = true;
    client.on("data", (data) => {
      if (isOurTurn) trips++;
      isOurTurn = false;
      upstream.write(rewrite(data));
    });
    upstream.on("data", (data) => {
      isOurTurn = true;
      client.write(data);
    });
    client.on("close", () => upstream.destroy()).on("error", () => undefined);
    upstream.on("close", () => client.destroy()).on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  const database = await openDatabase(url.href, { poolSize: 1 });
  return {
    database,
    /** Changes what the client sends from now on. */
    rewriting(change: (data: Buffer) => Buffer) {
      rewrite = change;
    },
    /** How many connections were opened, those of cancel requests among them. */
    connections: () => connections,
    async count(work: () => Promise<unknown>): Promise<number> {
      trips = 0;
      await work();
      return trips;
    },
    async [Symbol.asyncDispose]() {
      await database.close();
      server.close();
    },
  };
}
