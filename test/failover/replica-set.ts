import { execFile } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { signalServer } from "../faults/process-group.ts";
import { type Cluster, connect, synchronous, type Takeover, until, writable } from "./cluster.ts";

const settings = {
  max_connections: "60",
  shared_buffers: "32MB",
  // What a standby needs that has just been copied.
  wal_keep_size: "1GB",
  wal_retrieve_retry_interval: "100ms",
  ...(process.platform === "linux" && { recovery_init_sync_method: "syncfs" }),
};

/** What a copy of a running server must not have. */
const OWN_FILES = ["postmaster.pid", "postmaster.opts", "pg_wal", "standby.signal"];

/** Seconds for a server to do what it is told. */
const PATIENCE = 60;

/**
 * A primary and a hot standby on this machine, whose commits wait for the standby. A killed primary comes back as a copy of the new
 * one: the embedded binaries have neither `pg_rewind` nor `pg_basebackup`.
 */
export class ReplicaSet implements Cluster {
  readonly #folder: string;
  readonly #ports: readonly number[];
  /** Milliseconds from a kill to the order to take over. */
  readonly #pause: () => number;
  readonly #servers: (EmbeddedPostgres | undefined)[] = [];
  #primary = 0;

  private constructor(folder: string, ports: readonly number[], pause: () => number) {
    this.#folder = folder;
    this.#ports = ports;
    this.#pause = pause;
  }

  static async start(pause: () => number): Promise<ReplicaSet> {
    const folder = await mkdtemp(join(tmpdir(), "flux-failover-"));
    // As root the servers run under another account, which needs access to the folder.
    await chmod(folder, 0o755);
    const set = new ReplicaSet(folder, [await findFreePort(), await findFreePort()], pause);
    try {
      await set.#start(0);
      const sql = connect(set.#url(0));
      await sql`create table probes (at timestamptz default now())`;
      await sql.end();
      await set.rejoin();
      return set;
    } catch (error) {
      await set[Symbol.asyncDispose]();
      throw error;
    }
  }

  get describe(): string {
    return `PostgreSQL ${this.#servers[this.#primary]?.version}, a primary and a standby, synchronous_standby_names = '*'`;
  }

  get primaryUrl(): string {
    return this.#url(this.#primary);
  }

  get urls(): Record<string, string> {
    const url = new URL(this.primaryUrl);
    const hosts = this.#ports.map((port) => `127.0.0.1:${port}`).join(",");
    const several = `postgres://${url.username}:${url.password}@${hosts}${url.pathname}?target_session_attrs=read-write`;
    return { "two servers in the URL": several };
  }

  async failOver(): Promise<Takeover> {
    const server = this.#servers[this.#primary];
    if (server === undefined) throw new Error("The primary is gone.");
    await signalServer(server.pid, "SIGKILL");
    const killedAt = performance.now();
    // There is nothing left to stop: this waits until the process is gone.
    await server.stop();
    this.#servers[this.#primary] = undefined;
    this.#primary = 1 - this.#primary;
    await delay(this.#pause());
    const url = this.#url(this.#primary);
    await until(url, PATIENCE, (sql) => sql`select pg_promote()`);
    return { killedAt, writableAt: await writable(url, PATIENCE) };
  }

  async rejoin(): Promise<void> {
    const [primary, standby] = [this.#primary, 1 - this.#primary];
    await this.#copy(primary, standby);
    const { password } = new URL(this.#url(primary));
    await this.#start(standby, {
      primary_conninfo: `host=127.0.0.1 port=${this.#ports[primary]} user=postgres password=${decodeURIComponent(password)}`,
    });
    // One that takes over must not wait for a standby that it does not have.
    await this.#setStandbyNames(standby, "");
    await this.#setStandbyNames(primary, "*");
    await synchronous(this.#url(primary), PATIENCE);
  }

  /** A base backup, by PostgreSQL's low-level functions (manual, 25.3.3). The rest of its WAL is streamed. */
  async #copy(from: number, to: number): Promise<void> {
    const [source, target] = [this.#path(from), this.#path(to)];
    await rm(target, { recursive: true, force: true, maxRetries: 5 });
    const sql = connect(this.#url(from));
    try {
      await sql`select pg_backup_start('copy', true)`;
      const { uid, gid } = await stat(source);
      const names = (await readdir(source)).filter((name) => !OWN_FILES.includes(name));
      await mkdir(join(target, "pg_wal"), { recursive: true });
      // Files that vanish in the meantime make it fail, and the recovery do without them.
      const paths = names.map((name) => join(source, name));
      await promisify(execFile)("cp", ["-Rp", ...paths, target]).catch(() => undefined);
      const [stop] = await sql`select labelfile from pg_backup_stop(false)`;
      await writeFile(join(target, "backup_label"), String(stop?.["labelfile"]));
      await writeFile(join(target, "standby.signal"), "");
      for (const name of [".", "pg_wal"]) await chmod(join(target, name), 0o700);
      for (const name of [".", "pg_wal", "backup_label", "standby.signal"]) await chown(join(target, name), uid, gid);
    } finally {
      await sql.end();
    }
  }

  async #setStandbyNames(index: number, names: string): Promise<void> {
    const sql = connect(this.#url(index));
    await sql.unsafe(`alter system set synchronous_standby_names = '${names}'`);
    await sql`select pg_reload_conf()`;
    await sql.end();
  }

  async #start(index: number, own: Readonly<Record<string, string>> = {}): Promise<void> {
    const port = this.#ports[index] ?? 0;
    const dataDirectory = this.#path(index);
    this.#servers[index] = await startEmbeddedPostgres({ dataDirectory, port, settings: { ...settings, ...own } });
  }

  #path(index: number): string {
    return this.#servers[index]?.dataDirectory ?? join(this.#folder, `data-${index}`);
  }

  #url(index: number): string {
    const server = this.#servers[index];
    if (server === undefined) throw new Error("The server is not running.");
    return server.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server?.stop()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
