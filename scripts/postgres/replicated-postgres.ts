import { execFile } from "node:child_process";
import { appendFile, chmod, chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded-postgres.ts";
import { findFreePort } from "./free-port.ts";

/** A primary and a hot standby that streams from it. */
export interface ReplicatedPostgres extends AsyncDisposable {
  readonly primary: EmbeddedPostgres;
  readonly standby: EmbeddedPostgres;
  /** Starts the standby again after it was stopped, on its port and data. */
  restartStandby(): Promise<EmbeddedPostgres>;
}

/** Options of `startReplicatedPostgres`. */
export interface ReplicatedPostgresOptions extends Pick<EmbeddedPostgresOptions, "binaries"> {
  /** Settings of both servers. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Settings of the standby alone. */
  readonly standbySettings?: Readonly<Record<string, string>>;
}

const fast = { fsync: "off", full_page_writes: "off", wal_retrieve_retry_interval: "100" };

/**
 * Starts a primary and a hot standby with the same superuser and password, on 127.0.0.1. The embedded binaries have no
 * `pg_basebackup`: the standby begins as a copy of the primary's folder, made while that is stopped. Both end with this process.
 */
export async function startReplicatedPostgres(options: ReplicatedPostgresOptions = {}): Promise<ReplicatedPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "flux-replicated-"));
  // The account of the servers must be able to enter it.
  await chmod(folder, 0o711);
  const servers: EmbeddedPostgres[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const start = async (name: string, port: number, settings: Readonly<Record<string, string>> = {}) => {
    const own = { dataDirectory: join(folder, name), port, settings: { ...fast, ...options.settings, ...settings } };
    const server = await startEmbeddedPostgres({ ...own, ...(options.binaries && { binaries: options.binaries }) });
    servers.push(server);
    return server;
  };
  try {
    const [port, standbyPort] = [await findFreePort(), await findFreePort()];
    const original = await start("primary", port);
    await original.stop();
    const { uid, gid } = await stat(original.dataDirectory);
    const copy = join(folder, "standby");
    await promisify(execFile)("cp", ["-Rp", original.dataDirectory, copy]);
    await writeFile(join(copy, "standby.signal"), "");
    await chown(join(copy, "standby.signal"), uid, gid);
    const password = decodeURIComponent(new URL(original.url).password);
    const connection = `host=127.0.0.1 port=${port} user=postgres password=${password}`;
    // Not a setting of the command line, which ALTER SYSTEM could not change.
    await appendFile(join(copy, "postgresql.auto.conf"), `primary_conninfo = '${connection}'\n`);
    const startStandby = () => start("standby", standbyPort, options.standbySettings);
    const primary = await start("primary", port);
    return { primary, standby: await startStandby(), restartStandby: startStandby, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
