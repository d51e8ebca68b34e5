import type { createServer, ServerOptions } from "node:http";

type CreateServer = (options: ServerOptions) => ReturnType<typeof createServer>;

/**
 * `node:http` with a fraction of the service's time-out for headers, to test the text of a 408. The time-outs themselves are
 * tested with their defaults (`slow-clients.test.ts`).
 */
export async function quickHttp(importOriginal: () => Promise<unknown>): Promise<object> {
  const original = (await importOriginal()) as { createServer: CreateServer };
  const createQuickServer = (options: ServerOptions) =>
    original.createServer({ ...options, headersTimeout: 400, connectionsCheckingInterval: 50 });
  return { ...original, createServer: createQuickServer };
}
