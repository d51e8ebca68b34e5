import type { createServer, ServerOptions } from "node:http";
import { vi } from "vitest";

type CreateServer = (options: ServerOptions) => ReturnType<typeof createServer>;

/** What the service asked of Node's server, before it was made faster. */
export const askedFor: ServerOptions[] = [];

/** Milliseconds in which a head, and a whole request, must be there in these tests. */
export const HEADERS_TIMEOUT = 400;
export const REQUEST_TIMEOUT = 900;

/** `node:http` with the service's limits in time a thirtieth of what they are, so that tests need not wait for them. */
export async function quickHttp(importOriginal: () => Promise<unknown>): Promise<object> {
  const original = (await importOriginal()) as { createServer: CreateServer };
  const createQuickServer = vi.fn((options: ServerOptions) => {
    askedFor.push(options);
    return original.createServer({
      ...options,
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: 50,
    });
  });
  return { ...original, createServer: createQuickServer };
}
