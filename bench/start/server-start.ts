import { setTimeout as delay } from "node:timers/promises";
import { median } from "../median.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { startService } from "./service.ts";

/** The service, just started and left alone; medians where nothing else is said. */
export interface ServerStart {
  /** Milliseconds from the start of the process until it serves, with the database up and migrated. */
  readonly readyMs: number;
  /** That of the quickest start, which other work on the machine held up least. */
  readonly quickestMs: number;
  /** Megabytes a second later. */
  readonly idleRssMb: number;
}

/** Starts the service so many times, one after the other. */
export async function measureServerStart(databaseUrl: string, rounds: number): Promise<ServerStart> {
  const starts: { readonly readyMs: number; readonly idleRssMb: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const service = await startService({ DATABASE_URL: databaseUrl });
    await delay(1_000);
    starts.push({ readyMs: service.startMs, idleRssMb: residentMemoryOf(service.pid).now });
    await service.stop();
  }
  return {
    readyMs: median(starts.map(({ readyMs }) => readyMs)),
    quickestMs: Math.min(...starts.map(({ readyMs }) => readyMs)),
    idleRssMb: median(starts.map(({ idleRssMb }) => idleRssMb)),
  };
}
