import { setTimeout as delay } from "node:timers/promises";
import { startOurServer } from "./servers.ts";

/** The service, just started and left alone. */
export interface IdleService {
  /** Milliseconds from the start of the process until it listens, with the database up and migrated. */
  readonly startMs: number;
  readonly rssMb: number;
}

/** Starts the service and looks at it after a while. */
export async function measureIdle(databaseUrl: string, reportUsage: string): Promise<IdleService> {
  const { process, startMs } = await startOurServer(databaseUrl, reportUsage);
  try {
    await delay(1_000);
    const { rssMb } = await process.ask("usage", null);
    return { startMs, rssMb };
  } finally {
    await process.stop();
  }
}
