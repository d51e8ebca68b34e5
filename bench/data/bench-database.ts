import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { drawInputs, type Inputs, removeScratch } from "./inputs.ts";
import { seed, TASKS } from "./seed.ts";

/** A PostgreSQL server for this run, with a migrated and seeded database. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly version: string;
  readonly inputs: Inputs;
  /** Number of tasks. */
  readonly tasks: number;
  /** Restores the tables to their original size between two slices of writes. */
  tidy(): Promise<void>;
}

const IMPORT_ROWS = 100_000;

/**
 * Starts the server from the embedded binaries. Without fsync, so that the disk does not affect the figures, and without
 * autovacuum: it vacuums between the measurements.
 *
 * @param importRows number of tasks in an import; default 100,000
 */
export async function openBenchDatabase(importRows = IMPORT_ROWS): Promise<BenchDatabase> {
  const server = await startEmbeddedPostgres({
    // Every contender keeps its ten connections until the end.
    settings: { shared_buffers: "256MB", autovacuum: "off", max_connections: "300" },
  });
  const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
  const close = async () => {
    await sql.end();
    await server.stop();
  };
  try {
    {
      await using database = await openDatabase(server.url);
      await database.migrate();
    }
    await seed(sql);
    const inputs = await drawInputs(sql, importRows);
    const tidy = () => removeScratch(sql, inputs);
    return { url: server.url, version: server.version, inputs, tasks: TASKS, tidy, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
