import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Finds a free TCP port on 127.0.0.1. Another process may take it before the caller does, so callers must be ready to retry.
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
