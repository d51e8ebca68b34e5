import { totalmem } from "node:os";
import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { drawSamples, type FullSamples } from "./samples.ts";
import { seedTasks } from "./seed.ts";

/** A migrated and seeded database. */
export interface FullDatabase {
  readonly url: string;
  readonly tasks: number;
  /** A superuser's single connection, for use between the measurements. */
  readonly sql: postgres.Sql;
  readonly samples: FullSamples;
}

/** A server with a small and a large database. */
export interface FullDatabases extends AsyncDisposable {
  readonly small: FullDatabase;
  readonly large: FullDatabase;
  readonly serverVersion: string;
  readonly sharedBuffersMb: number;
}

const SMALL = 10_000;

/**
 * Starts the server from the embedded binaries, and fills its databases. Its buffer cache is a quarter of the machine's
 * memory, as PostgreSQL's manual recommends. Without fsync, so that the disk does not affect the figures, and without
 * autovacuum. The work in the server is measured with pg_stat_statements.
 */
export async function openFullDatabases(tasks: number): Promise<FullDatabases> {
  const sharedBuffersMb = Math.round(totalmem() / 4 / 2 ** 20);
  const server = await startEmbeddedPostgres({
    settings: {
      shared_buffers: `${sharedBuffersMb}MB`,
      max_wal_size: "16GB",
      checkpoint_timeout: "30min",
      autovacuum: "off",
      shared_preload_libraries: "pg_stat_statements",
    },
  });
  const connections: postgres.Sql[] = [];
  const close = async () => {
    await Promise.all(connections.map((sql) => sql.end()));
    await server.stop();
  };
  try {
    const admin = postgres(server.url, { max: 1 });
    connections.push(admin);
    const open = async (name: string, size: number): Promise<FullDatabase> => {
      await admin.unsafe(`create database ${name}`);
      const url = new URL(server.url);
      url.pathname = name;
      {
        await using database = await openDatabase(url.href);
        await database.migrate();
      }
      const sql = postgres(url.href, { max: 1, onnotice: () => undefined });
      connections.push(sql);
      const start = performance.now();
      await seedTasks(sql, size);
      await sql.unsafe("create extension pg_stat_statements");
      console.log(`${size} tasks created after ${((performance.now() - start) / 1000).toFixed(0)} s.`);
      return { url: url.href, tasks: size, sql, samples: await drawSamples(sql) };
    };
    const small = await open("small", SMALL);
    const large = await open("large", tasks);
    await admin.unsafe("checkpoint");
    return { small, large, serverVersion: server.version, sharedBuffersMb, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
