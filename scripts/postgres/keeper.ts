/**
 * Runs a PostgreSQL server for a parent process. A parent killed by SIGKILL cannot stop its server, so this process does:
 * when its standard input ends, the parent is stopping or gone. It runs in a session of its own, so that a Ctrl-C in the
 * terminal reaches only the parent, which can finish its work before it stops the server.
 *
 *
 * Argument: JSON of `EmbeddedPostgresOptions`. Standard output: one {@link KeeperReport} per line, as JSON.
 */
import { randomBytes } from "node:crypto";
import { chown, readFile, readlink, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { clusterVersion, type DataDirectory, prepareDataDirectory } from "./data-directory.ts";
import type { EmbeddedPostgresOptions, RunningServer } from "./embedded-postgres.ts";
import { errorCode } from "./error-code.ts";
import { findFreePort } from "./free-port.ts";
import { findServerAccount } from "./server-account.ts";
import { locateServerPackage, prepareServerBinaries, type ServerBinaries } from "./server-binaries.ts";
import { ServerProcess } from "./server-process.ts";

/** `ready`, then `exit` when the server has ended; or `failure` instead of both. */
export type KeeperReport = { readonly ready: RunningServer } | { readonly exit: string } | { readonly failure: string };

const PASSWORD_FILE = "flux-superuser-password";
/**
 * Milliseconds to wait for transient failures: leftovers of a killed server, a server that is stopping, a port lost to
 * another process.
 */
const PATIENCE = 30_000;
/** Milliseconds within which a server whose parent was just killed receives its stop signal. */
const GRACE = 1_000;

const options: EmbeddedPostgresOptions = JSON.parse(process.argv[2] ?? "{}");
const stopping = new AbortController();

function report(line: KeeperReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function keep(): Promise<void> {
  const directory = await prepareDataDirectory(options.dataDirectory, await findServerAccount());
  const { path, account, temporaryRoot } = directory;
  try {
    const binaries = await prepareServerBinaries(options.binaries ?? locateServerPackage(), account);
    await prepareCluster(directory, binaries);
    const { server, port } = await launch(directory, binaries);
    const password = (await readFile(join(path, PASSWORD_FILE), "utf8").catch(() => "")) || options.password;
    const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    const url = `postgres://postgres${secret}@127.0.0.1:${port}/postgres`;
    const note = [directory.note, binaries.note].filter((part) => part !== undefined).join(" ");
    const { version } = binaries;
    report({ ready: { url, dataDirectory: path, pid: server.pid, version, ...(note !== "" && { note }) } });
    report({ exit: await server.exited });
  } finally {
    if (temporaryRoot !== undefined) await rm(temporaryRoot, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Creates a cluster in UTF-8 and locale C if there is none. If initdb fails or is stopped, its files are removed. */
async function prepareCluster(
  { path, account, temporaryRoot }: DataDirectory,
  binaries: ServerBinaries,
): Promise<void> {
  const found = await clusterVersion(path);
  if (found !== undefined) {
    if (found === binaries.version.split(".")[0]) return;
    throw new Error(
      `The data directory ${path} is of PostgreSQL ${found}, and these binaries are PostgreSQL ${binaries.version}: ` +
        "dump it with the other version and restore it here, or use another directory.",
    );
  }
  const passwordFile = `${path}.${PASSWORD_FILE}`;
  await writeFile(passwordFile, options.password ?? randomBytes(16).toString("hex"), { mode: 0o600 });
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
  const args = ["-D", path, "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"];
  // Temporary data need not survive a power failure.
  if (temporaryRoot !== undefined) args.push("--no-sync");
  const initdb = new ServerProcess(binaries.initdb, [...args, `--pwfile=${passwordFile}`], account, stopping.signal);
  const exit = await initdb.exited;
  if (exit === "0") return rename(passwordFile, join(path, PASSWORD_FILE));
  await rm(passwordFile);
  throw new Error(`initdb failed (${exit}) in ${path}:\n${initdb.log}`);
}

/** Starts the server, and retries transient failures. */
async function launch(directory: DataDirectory, binaries: ServerBinaries) {
  const { path, account } = directory;
  for (const begun = performance.now(); ; ) {
    stopping.signal.throwIfAborted();
    const port = options.port ?? (await findFreePort());
    const server = new ServerProcess(binaries.postgres, serverArguments(directory, port), account, stopping.signal);
    const failure = await server.failure();
    if (failure === undefined) return { server, port };
    server.end();
    await server.exited;
    const waited = performance.now() - begun;
    const isPortTaken = /could not create any TCP\/IP sockets/.test(server.log);
    if (isPortTaken && options.port !== undefined) {
      throw new Error(`Port ${port} on 127.0.0.1 cannot be used:\n${server.log}`);
    }
    const isLocked = /lock file "postmaster.pid" already exists/.test(server.log);
    if (isLocked && (await isInUse(path)) && waited > GRACE) {
      const pid = /\(PID (\d+)\)/.exec(server.log)?.[1];
      throw new Error(
        `The data directory ${path} is in use by a running PostgreSQL server (pid ${pid}): stop that one, or use another directory.`,
      );
    }
    // The orphaned children of a killed server keep its shared memory for a moment.
    const passes = isPortTaken || isLocked || /pre-existing shared memory block/.test(server.log);
    if (!passes || waited > PATIENCE) {
      throw new Error(`PostgreSQL did not start in ${path} (${failure}). The end of its log:\n${server.log}`);
    }
    await delay(200);
  }
}

/**
 * Whether a server that is not about to end uses the directory. A killed server leaves its postmaster.pid behind. If the pid
 * now belongs to another process, which PostgreSQL would mistake for a server, the file is removed: a server's working
 * directory is its data directory.
 */
async function isInUse(dataDirectory: string): Promise<boolean> {
  const file = join(dataDirectory, "postmaster.pid");
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
  if (lines[7]?.trim() === "stopping") return false;
  if (process.platform !== "linux") return true;
  const folder = await readlink(`/proc/${lines[0]}/cwd`).catch(errorCode);
  // The working directory of another user's process is unreadable; it may be a server.
  if (folder === "EACCES" || folder === "EPERM" || folder === (await realpath(dataDirectory))) return true;
  await rm(file, { force: true });
  return false;
}

function serverArguments({ path, temporaryRoot }: DataDirectory, port: number): string[] {
  const settings = {
    ...(temporaryRoot !== undefined && { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    // No Unix socket by default: its path has a short limit.
    unix_socket_directories: "",
    ...options.settings,
    listen_addresses: "127.0.0.1",
    port: String(port),
    // The log is read from standard error, so it must be in English.
    logging_collector: "off",
    log_destination: "stderr",
    lc_messages: "C",
  };
  return ["-D", path, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

process.stdin.resume().on("close", () => stopping.abort());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stopping.abort());
// The parent may be gone.
process.stdout.on("error", () => undefined);
await keep().catch((error: unknown) => report({ failure: error instanceof Error ? error.message : String(error) }));
// Standard input may still be open.
process.exit(0);
