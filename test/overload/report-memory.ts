/** Loaded before the service's own program (`node --import`), so that it reports its memory. */
import { openSync, readSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { handleCommands } from "../../bench/processes/commands.ts";

/** Megabytes. */
export interface Memory {
  readonly rssMb: number;
  /** The used heap after a garbage collection. */
  readonly heapMb: number;
  /** Milliseconds of CPU time since the start. */
  readonly cpuMs: number;
  /** Milliseconds of the longest delay of the event loop since the last report. */
  readonly lateMs: number;
  /** Milliseconds of CPU time of the longest turn of the event loop since then: what `/health` waits for on an idle machine. */
  readonly turnMs: number;
}

export type MemoryCommands = { memory: { request: { collect: boolean }; response: Memory } };

const turns = monitorEventLoopDelay({ resolution: 5 });
turns.enable();

/** Milliseconds of CPU time of this thread: only Linux separates it from the garbage collector's threads. */
function threadTimer(): () => number {
  if (process.platform !== "linux") return () => process.cpuUsage().user / 1e3;
  const file = openSync("/proc/thread-self/schedstat", "r");
  const bytes = Buffer.alloc(64);
  return () => {
    const length = readSync(file, bytes, 0, bytes.length, 0);
    return Number.parseInt(bytes.toString("latin1", 0, length), 10) / 1e6;
  };
}

const threadTime = threadTimer();
let turnMs = 0;
let turnBegan = threadTime();

/** Once per turn, without causing one: an immediate that is unref'ed runs after the turn's I/O. */
function watchTurn(): void {
  const now = threadTime();
  turnMs = Math.max(turnMs, now - turnBegan);
  turnBegan = now;
  setImmediate(watchTurn).unref();
}
setImmediate(watchTurn).unref();

handleCommands<MemoryCommands>({
  memory: async ({ collect }) => {
    if (collect) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const memory = {
      rssMb: rss / 1e6,
      heapMb: heapUsed / 1e6,
      cpuMs: (user + system) / 1e3,
      lateMs: turns.max / 1e6,
      turnMs,
    };
    turns.reset();
    turnMs = 0;
    return memory;
  },
});
