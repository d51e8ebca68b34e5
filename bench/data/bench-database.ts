import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { drawInputs, type Inputs, removeScratch } from "./inputs.ts";
import { seed, TASKS } from "./seed.ts";

/** A server of its own with a migrated and seeded database. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly version: string;
  readonly inputs: Inputs;
  /** How many tasks it has. */
  readonly tasks: number;
  /** Brings the tables back to their size, between two stretches of writing. */
  tidy(): Promise<void>;
}

const IMPORT_ROWS = 100_000;

/**
 * Starts the server from the embedded binaries. Its data are not made durable (no fsync), so that the disk is no part of
 * the figures, and it does not vacuum by itself, so that it does so between the measurements.
 *
 * @param importRows how many tasks an import is to have; default 100,000
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
