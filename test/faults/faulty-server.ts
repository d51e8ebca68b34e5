import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { signalServer } from "./process-group.ts";

/** The databases of the matrix: the migrated one is emptied for each cell, migrations start with the empty one. */
const DATABASES = ["migrated", "empty"] as const;
export type DatabaseName = (typeof DATABASES)[number];

const settings = {
  max_connections: "80",
  shared_buffers: "32MB",
  // Before recovery PostgreSQL syncs every file to the disk: with one call if the system has it, not one by one.
  ...(process.platform === "linux" && { recovery_init_sync_method: "syncfs" }),
};

/**
 * A PostgreSQL server for the matrix alone, which is killed and paused. What it acknowledges is durable: `fsync` and
 * `synchronous_commit` are on, as they are by default.
 */
export class FaultyServer implements AsyncDisposable {
  readonly #folder: string;
  #server: EmbeddedPostgres;
  #admin: postgres.Sql;

  private constructor(folder: string, server: EmbeddedPostgres) {
    this.#folder = folder;
    this.#server = server;
    this.#admin = connect(server.url);
  }

  static async start(): Promise<FaultyServer> {
    const folder = await mkdtemp(join(tmpdir(), "flux-faults-"));
    // As root the server runs under another account, which needs access to the folder.
    await chmod(folder, 0o755);
    const server = await startEmbeddedPostgres({ dataDirectory: join(folder, "data"), settings });
    const faulty = new FaultyServer(folder, server);
    try {
      await faulty.#createDatabases();
      return faulty;
    } catch (error) {
      await faulty[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #createDatabases(): Promise<void> {
    for (const name of DATABASES) await this.admin.unsafe(`create database ${name}`);
    await using database = await openDatabase(this.urlOf("migrated"));
    await database.migrate();
  }

  /** The version, and the durability settings of a commit. */
  async describe(): Promise<string> {
    const [row] = await this.admin<{ text: string }[]>`
      select format('PostgreSQL %s, fsync %s, synchronous_commit %s', current_setting('server_version'),
        current_setting('fsync'), current_setting('synchronous_commit')) as text`;
    return row?.text ?? "";
  }

  /** A superuser's connection to the database `postgres`, while the server runs. */
  get admin(): postgres.Sql {
    return this.#admin;
  }

  urlOf(database: DatabaseName): string {
    const url = new URL(this.#server.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  /** Kills the postmaster and all its processes, as a crash does; resolves when they are gone. */
  async kill(): Promise<void> {
    await this.#admin.end({ timeout: 0 });
    await signalServer(this.#server.pid, "SIGKILL");
    // There is nothing left to stop: this waits until the process is gone.
    await this.#server.stop();
  }

  /** Starts the server again on the same data and port; resolves when it has recovered and accepts connections. */
  async restart(): Promise<void> {
    const { dataDirectory, url } = this.#server;
    this.#server = await startEmbeddedPostgres({ dataDirectory, port: Number(new URL(url).port), settings });
    this.#admin = connect(this.#server.url);
  }

  /** Suspends every process of the server: connections stay open, and nothing responds. */
  async pause(): Promise<void> {
    await signalServer(this.#server.pid, "SIGSTOP");
  }

  async resume(): Promise<void> {
    await signalServer(this.#server.pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.end({ timeout: 0 });
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function connect(url: string): postgres.Sql {
  return postgres(url, { max: 1, connect_timeout: 10, onnotice: () => undefined });
}
