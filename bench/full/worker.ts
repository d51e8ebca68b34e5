/** Calls the services on two databases: `worker.js <URL of the small one> <URL of the large one>`. */
import { openDatabase } from "@flux/dao-core";
import { answerCommands } from "../processes/commands.ts";
import { quantile } from "../quantile.ts";
import { type FullCalls, type FullOperationName, fullCalls } from "./operations.ts";
import type { FullSamples } from "./samples.ts";

/** Which of the two databases. */
export type Size = "small" | "large";

/** What is to be called. */
export interface SliceRequest {
  readonly size: Size;
  readonly operation: FullOperationName;
  readonly callers: number;
  readonly milliseconds: number;
  readonly maxCalls: number;
}

/** A measured stretch of one operation on one database. Times in milliseconds. */
export interface FullSlice {
  readonly calls: number;
  readonly elapsedMs: number;
  /** Processor time of this process, the server's not included. */
  readonly cpuMs: number;
  readonly p50: number;
  readonly p99: number;
}

// A type, not an interface: an interface would not be known to hold nothing else.
export type FullWorkerCommands = {
  prepare: { request: Readonly<Record<Size, FullSamples>>; response: null };
  /** Calls from so many callers at once, until the time is over or the calls are made; each caller makes one at least. */
  run: { request: SliceRequest; response: FullSlice };
};

const [smallUrl, largeUrl] = process.argv.slice(2);
/** Deep pages and exact counts of ten million rows take seconds, and more where other work is going on. */
const OPTIONS = { poolSize: 8, statementTimeout: 300_000 };
const calls: Partial<Record<Size, FullCalls>> = {};
let lastCall = 0;

answerCommands<FullWorkerCommands>({
  prepare: async (samples) => {
    calls.small = await fullCalls(await openDatabase(smallUrl, OPTIONS), samples.small);
    calls.large = await fullCalls(await openDatabase(largeUrl, OPTIONS), samples.large);
    return null;
  },
  run: async ({ size, operation, callers, milliseconds, maxCalls }) => {
    const call = calls[size]?.[operation];
    if (call === undefined) throw new Error("The worker was not prepared.");
    const latencies: number[] = [];
    let begun = 0;
    const startCpu = process.cpuUsage();
    const start = performance.now();
    const caller = async () => {
      do {
        begun++;
        const before = performance.now();
        await call(lastCall++);
        latencies.push(performance.now() - before);
      } while (begun < maxCalls && performance.now() - start < milliseconds);
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const elapsedMs = performance.now() - start;
    const { user, system } = process.cpuUsage(startCpu);
    latencies.sort((a, b) => a - b);
    return {
      calls: latencies.length,
      elapsedMs,
      cpuMs: (user + system) / 1000,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
    };
  },
});
