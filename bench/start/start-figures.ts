import { setTimeout as delay } from "node:timers/promises";
import { startOurServer } from "../http/servers.ts";
import { median } from "../median.ts";
import { type ImportTimes, timeImports } from "./import-times.ts";

/** What it takes to begin. Medians, in milliseconds. */
export interface StartFigures {
  readonly imports: ImportTimes;
  /** From the start of the service's process until `/ready` answers 200, with the database up and migrated. */
  readonly readyMs: number;
  /** Megabytes that it has in memory when nobody has asked it anything yet. */
  readonly idleRssMb: number;
}

/** @param rounds how often each is done */
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
