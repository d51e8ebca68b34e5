/** Loaded before the service's own program (`node --import`), so that its memory can be asked for. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { answerCommands } from "../../bench/processes/commands.ts";

/** Megabytes. */
export interface Memory {
  readonly rssMb: number;
  /** What is left of the heap after a collection. */
  readonly heapMb: number;
  /** Milliseconds of processor time since the start. */
  readonly cpuMs: number;
  /** Milliseconds of the longest time that the event loop was late since the last question. */
  readonly lateMs: number;
}

export type MemoryCommands = { memory: { request: { collect: boolean }; response: Memory } };

const turns = monitorEventLoopDelay({ resolution: 5 });
turns.enable();

answerCommands<MemoryCommands>({
  memory: async ({ collect }) => {
    if (collect) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const lateMs = turns.max / 1e6;
    turns.reset();
    const { user, system } = process.cpuUsage();
    return { rssMb: rss / 1e6, heapMb: heapUsed / 1e6, cpuMs: (user + system) / 1e3, lateMs };
  },
});
