import type { BenchDatabase } from "../data/bench-database.ts";
import type { LoadCommands } from "../http/load.ts";
import { requestsOf } from "../http/requests.ts";
import { OPERATION_NAMES } from "../operations.ts";
import { Child } from "../processes/child.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { SERVICE_KEY, startService } from "./service.ts";

/** Connections at once, each with one request at a time. */
const CONNECTIONS = 64;

/** The service under all that it can be asked for at once, as fast as it answers. */
export interface LoadedMemory {
  readonly requestsPerSecond: number;
  /** Megabytes at its end. */
  readonly rssMb: number;
  readonly mostRssMb: number;
}

/**
 * Loads a service with every operation in turn, pages of 100 rows and structures of 1,000 tasks among them.
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
    // As many of each, so that one is not drawn more often for having more variants.
    const perOperation = OPERATION_NAMES.map((name) => requestsOf(name, database.inputs));
    const longest = Math.max(...perOperation.map(({ length }) => length));
    const requests = Array.from({ length: longest }, (_, turn) =>
      perOperation.flatMap((variants) => variants.slice(turn % variants.length, (turn % variants.length) + 1)),
    ).flat();
    const { requests: count, elapsedMs } = await generator.ask("load", {
      port: service.port,
      serviceKey: SERVICE_KEY,
      requests,
      connections: CONNECTIONS,
      milliseconds,
    });
    const { now, most } = residentMemoryOf(service.pid);
    return { requestsPerSecond: (count / elapsedMs) * 1_000, rssMb: now, mostRssMb: most };
  } finally {
    await Promise.all([generator.stop(), service.stop()]);
    await database.tidy();
  }
}
