import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Finds a TCP port of 127.0.0.1 that is free at this moment. Another process may take it before the caller does, so be
 * ready to ask again.
 */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no TCP port.");
  return address.port;
}
