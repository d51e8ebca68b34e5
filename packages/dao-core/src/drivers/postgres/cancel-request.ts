import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { CANCEL_GRACE, CANCEL_INTERVAL } from "../../session/limits.ts";
import { onAbort } from "../../session/waiting/deadline.ts";
import type { ServerProcess } from "./resend-fence.ts";

/**
 * Has the server cancel what runs in a process, until `query` settles or {@link CANCEL_GRACE} is over: a request that arrives
 * between two messages of a statement (its parse and its execution) is dropped by the server, so it is sent again.
 */
export async function cancelUntilSettled(
  query: PromiseLike<unknown>,
  server: ServerProcess | undefined,
  openSocket: () => Promise<Socket>,
): Promise<void> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  const settled = query.then(settle, settle);
  const end = performance.now() + CANCEL_GRACE;
  for (let left = CANCEL_GRACE; !isSettled && left > 0; left = end - performance.now()) {
    const again = Promise.all([server && requestCancel(server, openSocket), pause(CANCEL_INTERVAL)]);
    await Promise.race([settled, again, pause(left)]);
  }
}

/** Waits until a query settles; after an abort, a little longer than a cancel request may take to have an effect. */
export function abortable<Rows>(query: PromiseLike<Rows>, signal: AbortSignal, cancel: () => void): Promise<Rows> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    let grace: NodeJS.Timeout | undefined;
    const settle = (end: () => void) => {
      clearTimeout(grace);
      stopListening();
      end();
    };
    const stopListening = onAbort(signal, () => {
      grace = setTimeout(() => settle(() => reject(signal.reason)), CANCEL_GRACE);
      cancel();
    });
    query.then(
      (rows) => settle(() => resolve(rows)),
      (error: unknown) => settle(() => reject(signal.aborted ? signal.reason : error)),
    );
  });
}

/** PostgreSQL's cancel request (manual, 53.2.9): a connection of its own, which the server closes without a response. */
async function requestCancel({ pid, secret }: ServerProcess, openSocket: () => Promise<Socket>): Promise<void> {
  const message = Buffer.alloc(16);
  for (const [index, value] of [16, 80_877_102, pid, secret].entries()) message.writeInt32BE(value | 0, index * 4);
  try {
    const socket = await openSocket();
    await new Promise<void>((resolve) => {
      socket.on("error", () => resolve());
      socket.on("close", () => resolve());
      // A hanging server accepts the connection and never closes it.
      socket.setTimeout(CANCEL_GRACE, () => socket.destroy());
      socket.resume();
      // Not ended: PgBouncer 1.18 crashes when such a client is gone before the server has its request.
      socket.write(message);
    });
  } catch {
    // If the server accepts no connection, the statement ends without being cancelled.
  }
}

/** Does not keep the process alive. */
const pause = (milliseconds: number) => delay(milliseconds, undefined, { ref: false });
