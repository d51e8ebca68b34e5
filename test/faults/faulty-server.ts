import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { signalServer } from "./process-group.ts";

const TEMPLATE = "faults_template";
const settings = { max_connections: "80", shared_buffers: "32MB" };

/**
 * A PostgreSQL server of the matrix's own, which is killed and paused. What it acknowledges is durable: `fsync` and
 * `synchronous_commit` are on, as they are by default.
 */
export class FaultyServer implements AsyncDisposable {
  readonly #folder: string;
  #server: EmbeddedPostgres;
  #admin: postgres.Sql;
  #made = 0;

  private constructor(folder: string, server: EmbeddedPostgres) {
    this.#folder = folder;
    this.#server = server;
    this.#admin = connect(server.url);
  }

  static async start(): Promise<FaultyServer> {
    const folder = await mkdtemp(join(tmpdir(), "flux-faults-"));
    // As root the server runs under another account, which has to get there.
    await chmod(folder, 0o755);
    const server = await startEmbeddedPostgres({ dataDirectory: join(folder, "data"), settings });
    const faulty = new FaultyServer(folder, server);
    await faulty.admin.unsafe(`create database ${TEMPLATE}`);
    const database = await openDatabase(faulty.urlOf(TEMPLATE));
    await database.migrate();
    await database.close();
    return faulty;
  }

  /** The version, and what it promises of a commit. */
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

  urlOf(database: string): string {
    const url = new URL(this.#server.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  /** A migrated database, or an empty one; its name. */
  async createDatabase(content: "migrated" | "empty"): Promise<string> {
    const name = `faults_${++this.#made}`;
    await this.admin.unsafe(`create database ${name} template ${content === "empty" ? "template0" : TEMPLATE}`);
    return name;
  }

  async dropDatabase(name: string): Promise<void> {
    await this.admin.unsafe(`drop database ${name} with (force)`);
  }

  /** Kills the postmaster and all its processes, as a crash does; resolves when they are gone. */
  async kill(): Promise<void> {
    await this.#admin.end({ timeout: 0 });
    await signalServer(this.#server.pid, "SIGKILL");
    await this.#server.exited;
    await this.#server.stop();
  }

  /** Starts it again on the same data and port; resolves when it has recovered and takes connections. */
  async restart(): Promise<void> {
    const { dataDirectory, url } = this.#server;
    this.#server = await startEmbeddedPostgres({ dataDirectory, port: Number(new URL(url).port), settings });
    this.#admin = connect(this.#server.url);
  }

  /** Stops every process of the server where it is: connections stay open, and nobody answers. */
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
