/** Calls the services on two databases: `worker.js <URL of the small one> <URL of the large one>`. */
import { openDatabase } from "@flux/dao-core";
import { handleCommands } from "../processes/commands.ts";
import { quantile } from "../quantile.ts";
import { type FullCalls, type FullOperationName, fullCalls } from "./operations.ts";
import type { FullSamples } from "./samples.ts";

/** Which of the two databases. */
export type Size = "small" | "large";

/** Which calls to make. */
export interface SliceRequest {
  readonly size: Size;
  readonly operation: FullOperationName;
  readonly callers: number;
  readonly milliseconds: number;
  readonly maxCalls: number;
}

/** The measurement of one operation on one database. Times in milliseconds. */
export interface FullSlice {
  readonly calls: number;
  readonly elapsedMs: number;
  /** CPU time of this process, without the server's. */
  readonly cpuMs: number;
  readonly p50: number;
  readonly p99: number;
}

// A type, since an interface has no implicit index signature.
export type FullWorkerCommands = {
  prepare: { request: Readonly<Record<Size, FullSamples>>; response: null };
  /**
   * Calls from this number of concurrent callers, until the time is over or the calls are made; each caller makes at least
   * one.
   */
  run: { request: SliceRequest; response: FullSlice };
};

const [smallUrl, largeUrl] = process.argv.slice(2);
/** Deep pages and exact counts of ten million rows take seconds, and longer under load. */
const OPTIONS = { poolSize: 8, statementTimeout: 300_000 };
const calls: Partial<Record<Size, FullCalls>> = {};
let lastCall = 0;

handleCommands<FullWorkerCommands>({
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
