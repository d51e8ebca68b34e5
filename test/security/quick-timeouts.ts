import type { createServer, ServerOptions } from "node:http";

type CreateServer = (options: ServerOptions) => ReturnType<typeof createServer>;

/**
 * `node:http` with a fraction of the service's limit for headers, for a test of what a 408 says. The limits themselves are
 * tested as they are shipped (`slow-clients.test.ts`).
 */
export async function quickHttp(importOriginal: () => Promise<unknown>): Promise<object> {
  const original = (await importOriginal()) as { createServer: CreateServer };
  const createQuickServer = (options: ServerOptions) =>
    original.createServer({ ...options, headersTimeout: 400, connectionsCheckingInterval: 50 });
  return { ...original, createServer: createQuickServer };
}
