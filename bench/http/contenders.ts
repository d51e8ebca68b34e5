import { OPERATION_NAMES, OPERATIONS, type OperationName } from "../operations.ts";

/** A server that competes. */
export interface ServerKind {
  readonly title: string;
  readonly operations: readonly OperationName[];
}

const all = OPERATION_NAMES;
const usual = OPERATION_NAMES.filter(
  (name) => OPERATIONS[name].pace !== "long" && !["pageUncounted", "pageCursor", "updateMany", "append"].includes(name),
);

/** The yardstick comes first. */
export const SERVERS = {
  bare: { title: "bare node:http, SQL by hand", operations: all },
  ours: { title: "ours", operations: all },
  fastify: { title: "Fastify, SQL by hand", operations: usual },
  hono: { title: "Hono, Drizzle", operations: usual },
} as const satisfies Record<string, ServerKind>;

export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

/** Connections at once, each with one request at a time. */
export const CONNECTIONS: readonly [number, ...number[]] = [16, 64];
