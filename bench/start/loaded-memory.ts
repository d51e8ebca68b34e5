import type { BenchDatabase } from "../data/bench-database.ts";
import type { LoadCommands } from "../http/load.ts";
import { requestsOf } from "../http/requests.ts";
import { OPERATION_NAMES } from "../operations.ts";
import { Child } from "../processes/child.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { SERVICE_KEY, startService } from "./service.ts";

/** Concurrent connections, each with one request at a time. */
const CONNECTIONS = 64;

/** The service under a load of all its operations at full speed. */
export interface LoadedMemory {
  readonly requestsPerSecond: number;
  /** Megabytes at the end. */
  readonly rssMb: number;
  readonly mostRssMb: number;
}

/**
 * Loads a service with every operation in turn, including pages of 100 rows and structures of 1,000 tasks.
 * @param load the compiled `http/load`
 */
export async function measureLoadedMemory(
  database: BenchDatabase,
  load: string,
  milliseconds: number,
): Promise<LoadedMemory> {
  const service = await startService({ DATABASE_URL: database.url });
  const generator = new Child<LoadCommands>(load);
  try {
    // The same number of each, so that an operation with more variants is not called more often.
    const perOperation = OPERATION_NAMES.map((name) => requestsOf(name, database.inputs));
    const longest = Math.max(...perOperation.map(({ length }) => length));
    const requests = Array.from({ length: longest }, (_, turn) =>
      perOperation.flatMap((variants) => variants.slice(turn % variants.length, (turn % variants.length) + 1)),
    ).flat();
    const { port } = service;
    await generator.ask("connect", { port, connections: CONNECTIONS });
    const load = { port, serviceKey: SERVICE_KEY, requests, milliseconds };
    const { requests: count, elapsedMs } = await generator.ask("load", load);
    const { now, most } = residentMemoryOf(service.pid);
    return { requestsPerSecond: (count / elapsedMs) * 1_000, rssMb: now, mostRssMb: most };
  } finally {
    await Promise.all([generator.stop(), service.stop()]);
    await database.tidy();
  }
}
