/** Loaded before the service's own program (`node --import`), so that its memory can be asked for. */
import { openSync, readSync } from "node:fs";
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
  /** Milliseconds of processor time of the longest turn of the event loop since then: what `/health` waits for if no one else is at work. */
  readonly turnMs: number;
}

export type MemoryCommands = { memory: { request: { collect: boolean }; response: Memory } };

const turns = monitorEventLoopDelay({ resolution: 5 });
turns.enable();

/** Milliseconds of processor time of this thread: Linux alone tells it apart from the collector's threads. */
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

/** Once in each turn, and no reason for one: an immediate that the loop does not wait for runs after what has come in. */
function watchTurn(): void {
  const now = threadTime();
  turnMs = Math.max(turnMs, now - turnBegan);
  turnBegan = now;
  setImmediate(watchTurn).unref();
}
setImmediate(watchTurn).unref();

answerCommands<MemoryCommands>({
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
