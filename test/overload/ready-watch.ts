import { setTimeout as delay } from "node:timers/promises";

/** What a probe hears of a service that has more to do than it can. */
export interface ReadyWatch {
  /** Answers of `/ready` by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds of the slowest. */
  readonly slowest: number;
}

/** Asks `/ready` twice a second until `signal` aborts. */
export async function watchReady(port: number, signal: AbortSignal): Promise<ReadyWatch> {
  const statuses: Record<string, number> = {};
  let slowest = 0;
  while (!signal.aborted) {
    const start = performance.now();
    const { status } = await fetch(`http://127.0.0.1:${port}/ready`);
    slowest = Math.max(slowest, performance.now() - start);
    statuses[status] = (statuses[status] ?? 0) + 1;
    await delay(500);
  }
  return { statuses, slowest };
}
