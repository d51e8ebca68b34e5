import { connect } from "node:net";

/** Milliseconds that an exchange may take: far longer than any of the server's time-outs for received bytes. */
const DEADLINE = 20_000;

/** What is sent over one connection. */
export interface Sent {
  readonly bytes: Uint8Array;
  /** Where the bytes are split into separate writes. */
  readonly cuts: readonly number[];
  /** Whether the sender half-closes the connection at the end. Otherwise it waits for the server to close. */
  readonly ends: boolean;
  /** Whether lines may come without end. The sender leaves after those that came with the first cursor. */
  readonly isEndless: boolean;
}

/**
 * Sends bytes over a connection of their own, and returns everything received until the server closed it.
 * @throws Error if the server does not close in time, or if the connection breaks before anything was received
 */
export async function exchange(baseUrl: string, { bytes, cuts, ends, isEndless }: Sent): Promise<Uint8Array> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const received: Uint8Array[] = [];
  const closed = new Promise<void>((resolve, reject) => {
    const giveUp = () => {
      socket.destroy();
      reject(new Error(`the server did not close the connection within ${DEADLINE / 1_000} s`));
    };
    // In two halves: if this process is busy for long, only one of them passes before it reads.
    let timer = setTimeout(() => {
      timer = setTimeout(giveUp, DEADLINE / 2);
    }, DEADLINE / 2);
    socket.on("data", (chunk) => {
      received.push(chunk);
      const last = isEndless ? lastOf(Buffer.concat(received).toString("latin1")) : undefined;
      if (last === undefined) return;
      received.push(Buffer.from(last));
      socket.destroy();
    });
    // It may close before everything is written; its response counts, not the EPIPE.
    socket.on("error", (error) => received.length === 0 && reject(error));
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  // The connection may fail during a write.
  closed.catch(() => undefined);
  const edges = [0, ...cuts, bytes.length];
  for (const [index, from] of edges.slice(0, -1).entries()) {
    const piece = bytes.subarray(from, edges[index + 1]);
    // Once it is written, the next piece goes into another packet.
    await new Promise((resolve) => socket.write(piece, resolve));
  }
  if (ends) socket.end();
  await closed;
  return Buffer.concat(received);
}

/** What would end the response, if lines with a cursor are complete; otherwise `undefined`. */
function lastOf(response: string): string | undefined {
  const isChunked = /^transfer-encoding: chunked\r$/im.test(response);
  const isAtEnd = response.endsWith(isChunked ? "}\n\r\n" : "}\n");
  return isAtEnd && response.includes('{"next_cursor":"') ? (isChunked ? "0\r\n\r\n" : "") : undefined;
}
