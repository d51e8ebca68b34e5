import { setTimeout as delay } from "node:timers/promises";
import { median } from "../median.ts";
import { type ImportTimes, timeImports } from "./import-times.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { startService } from "./service.ts";

/** The cost of a start. Medians, in milliseconds. */
export interface StartFigures {
  readonly imports: ImportTimes;
  /** From the start of the service's process until `/ready` returns 200, with a running and migrated database. */
  readonly readyMs: number;
  /** Megabytes of memory before the first request. */
  readonly idleRssMb: number;
}

/** @param rounds number of repetitions */
export async function measureStart(databaseUrl: string, rounds: number): Promise<StartFigures> {
  const imports = await timeImports(rounds);
  const ready: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    const service = await startService({ DATABASE_URL: databaseUrl });
    try {
      while (!(await fetch(`http://127.0.0.1:${service.port}/ready`)).ok) await delay(2);
      ready.push(performance.now() - begun);
      await delay(500);
      memory.push(residentMemoryOf(service.pid).now);
    } finally {
      await service.stop();
    }
  }
  return { imports, readyMs: median(ready), idleRssMb: median(memory) };
}
