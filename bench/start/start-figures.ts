import { setTimeout as delay } from "node:timers/promises";
import { startOurServer } from "../http/servers.ts";
import { median } from "../median.ts";
import { type ImportTimes, timeImports } from "./import-times.ts";

/** The cost of a start. Medians, in milliseconds. */
export interface StartFigures {
  readonly imports: ImportTimes;
  /** From the start of the service's process until `/ready` returns 200, with a running and migrated database. */
  readonly readyMs: number;
  /** Megabytes of memory before the first request. */
  readonly idleRssMb: number;
}

/** @param rounds number of repetitions */
export async function measureStart(databaseUrl: string, reportUsage: string, rounds: number): Promise<StartFigures> {
  const imports = await timeImports(rounds);
  const ready: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { process, port, begunAt } = await startOurServer(databaseUrl, reportUsage);
    try {
      while (!(await fetch(`http://127.0.0.1:${port}/ready`)).ok) await delay(2);
      ready.push(performance.now() - begunAt);
      await delay(500);
      memory.push((await process.ask("usage", null)).rssMb);
    } finally {
      await process.stop();
    }
  }
  return { imports, readyMs: median(ready), idleRssMb: median(memory) };
}
