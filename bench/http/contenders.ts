import { OPERATION_NAMES, OPERATIONS, type OperationName } from "../operations.ts";

/** A server under comparison. */
export interface ServerKind {
  readonly title: string;
  readonly operations: readonly OperationName[];
}

const all: readonly OperationName[] = OPERATION_NAMES;
const usual: readonly OperationName[] = OPERATION_NAMES.filter(
  (name) => OPERATIONS[name].pace !== "long" && !["pageUncounted", "pageCursor", "updateMany", "append"].includes(name),
);

/** Bulk inserts by an ORM take so long that they would dominate the bench. */
const small: readonly OperationName[] = usual.filter((name) => name !== "structure20x50");

/** The yardstick comes first. */
export const SERVERS = {
  bare: { title: "bare node:http, SQL by hand", operations: all },
  duties: { title: "the same with our duties by hand", operations: all },
  ours: { title: "ours", operations: all },
  fastify: { title: "Fastify, SQL by hand", operations: usual },
  hono: { title: "Hono, Drizzle", operations: small },
} as const satisfies Record<string, ServerKind>;

export type ServerName = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[];

/** Concurrent connections, each with one request at a time. */
export const CONNECTIONS: readonly [number, ...number[]] = [16, 64];
