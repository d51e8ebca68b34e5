import { setTimeout as delay } from "node:timers/promises";
import type { Child } from "../../bench/processes/child.ts";
import type { MemoryCommands } from "./report-memory.ts";

/** What a service needs beside, while others use it badly. */
export interface HealthWatch {
  /** Megabytes. */
  readonly rssAtMost: number;
  /** Milliseconds of the slowest `/health`. */
  readonly slowest: number;
  /** Answers that were no 200. */
  readonly failures: number;
}

/** Asks `/health` ten times a second, and the process for its memory, until `work` is done. */
export async function watchHealth(
  { port, child }: { readonly port: number; readonly child: Child<MemoryCommands> },
  work: Promise<unknown>,
): Promise<HealthWatch> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  let [rssAtMost, slowest, failures] = [0, 0, 0];
  for (let look = 0; !isOver; look++) {
    const start = performance.now();
    const { status } = await fetch(`http://127.0.0.1:${port}/health`);
    slowest = Math.max(slowest, performance.now() - start);
    if (status !== 200) failures++;
    if (look % 10 === 0) rssAtMost = Math.max(rssAtMost, (await child.ask("memory", { collect: false })).rssMb);
    await delay(100);
  }
  await over;
  return { rssAtMost, slowest, failures };
}
