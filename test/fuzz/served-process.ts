import { createLogger, readSettings, startService } from "@flux/dao-http/server";

/**
 * The service in a process of its own, configured by its environment as the command is. Reports its memory after a full garbage
 * collection in reply to the message `"heap"`. Needs `--expose-gc` and an IPC channel.
 */

export interface Memory {
  /** Bytes of live objects. */
  readonly heapUsed: number;
  /** Bytes of buffers outside the heap. */
  readonly external: number;
  /** Bytes as reported by the operating system. */
  readonly rss: number;
}

/** A single collection leaves what finalizers hold. */
const COLLECTIONS = 3;

async function memory(): Promise<Memory> {
  for (let round = 0; round < COLLECTIONS; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapUsed, external, rss };
}

const settings = readSettings(process.env);
const service = await startService(settings, createLogger({ level: settings.logLevel }));
process.on("message", (message) => {
  if (message === "heap") memory().then((held) => process.send?.(held));
});
// The process ends with its parent.
process.on("disconnect", () => process.exit(0));
process.send?.({ url: service.url });
