/** Loaded before the service's own program (`node --import`), so that its memory can be asked for. */
import { answerCommands } from "../../bench/processes/commands.ts";

/** Megabytes. */
export interface Memory {
  readonly rssMb: number;
  /** What is left of the heap after a collection. */
  readonly heapMb: number;
  /** Milliseconds of processor time since the start. */
  readonly cpuMs: number;
}

export type MemoryCommands = { memory: { request: { collect: boolean }; response: Memory } };

answerCommands<MemoryCommands>({
  memory: async ({ collect }) => {
    if (collect) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return { rssMb: rss / 1e6, heapMb: heapUsed / 1e6, cpuMs: (user + system) / 1e3 };
  },
});
