import type { Socket } from "node:net";
import { ABORT_GRACE } from "../../session/limits.ts";

/** What a cancel request names. */
export interface ServerProcess {
  readonly pid: number;
  readonly secret: number;
}

/** The server process that responded: `state` of a result, or of the last of several, as postgres.js documents. */
export function processOf(results: readonly unknown[]): ServerProcess | undefined {
  const last = results.at(-1);
  const result = typeof last === "object" && last !== null && "state" in last ? last : results;
  const state: unknown = Reflect.get(result, "state");
  if (typeof state !== "object" || state === null) return undefined;
  const { pid, secret }: { pid?: unknown; secret?: unknown } = state;
  return typeof pid === "number" && typeof secret === "number" ? { pid, secret } : undefined;
}

/** PostgreSQL's cancel request (manual, 53.2.9), over a connection that the server closes without a response. */
export async function requestCancel(
  server: ServerProcess | undefined,
  openSocket: () => Promise<Socket>,
): Promise<void> {
  if (server === undefined) return;
  const message = Buffer.alloc(16);
  for (const [index, value] of [16, 80_877_102, server.pid, server.secret].entries()) {
    message.writeInt32BE(value | 0, index * 4);
  }
  const socket = await openSocket();
  await new Promise<void>((resolve) => {
    socket.on("error", () => resolve()).on("close", () => resolve());
    // A server that hangs accepts the connection and never closes it.
    socket.setTimeout(ABORT_GRACE, () => socket.destroy());
    socket.resume();
    // Not ended: PgBouncer 1.18 crashes if such a client disconnects before the server has the request.
    socket.write(message);
  });
}
