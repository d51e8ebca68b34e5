import { quantile } from "./quantile.ts";

/** The measurement of one operation, times in milliseconds. */
export interface Slice {
  readonly operations: number;
  readonly elapsedMs: number;
  /** CPU time of the contender, without the database's. */
  readonly cpuMs: number;
  readonly p50: number;
  readonly p99: number;
}

/** @param work records the duration of each of its calls */
export async function measure(work: (times: number[]) => Promise<void>): Promise<Slice> {
  const times: number[] = [];
  const startCpu = process.cpuUsage();
  const start = performance.now();
  await work(times);
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(startCpu);
  const sorted = Float64Array.from(times).sort();
  return {
    operations: times.length,
    elapsedMs,
    cpuMs: (user + system) / 1000,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
  };
}

/**
 * Calls from this number of concurrent callers, each again as soon as it returns, until the time is over and the last call
 * has returned.
 */
export function measureCalls(call: () => Promise<unknown>, callers: number, milliseconds: number): Promise<Slice> {
  return measure(async (times) => {
    const start = performance.now();
    const caller = async () => {
      for (let now = start; now - start < milliseconds; ) {
        await call();
        const returned = performance.now();
        times.push(returned - now);
        now = returned;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
  });
}
