import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { median } from "../median.ts";
import { SHIPPED_CORE } from "../processes/compile.ts";
import { type ImportTimes, timeImports } from "./import-times.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { startService } from "./service.ts";

/** The cost of a start. Medians, in milliseconds. */
export interface StartFigures {
  readonly imports: ImportTimes;
  /** From the start of the service's process until `/ready` returns 200, with a running and migrated database. */
  readonly readyMs: number;
  /** From the start of a process until it has counted tasks and ended: what a serverless function adds to its first response. */
  readonly coldStartMs: number;
  /** Megabytes of memory before the first request. */
  readonly idleRssMb: number;
}

/** @param rounds number of repetitions */
export async function measureStart(databaseUrl: string, rounds: number): Promise<StartFigures> {
  const imports = await timeImports(rounds);
  const ready: number[] = [];
  const cold: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < rounds; round++) {
    cold.push(await timeColdStart(databaseUrl));
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
  return { imports, readyMs: median(ready), coldStartMs: median(cold), idleRssMb: median(memory) };
}

async function timeColdStart(url: string): Promise<number> {
  const program = `
    const { createDaoServices, openDatabase } = await import(${JSON.stringify(SHIPPED_CORE)});
    const database = await openDatabase(${JSON.stringify(url)}, { poolSize: 1 });
    console.log(await createDaoServices(database).tasks.countTasks({ state: "missed" }));
    process.exit();`;
  const begun = performance.now();
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
  return performance.now() - begun;
}
