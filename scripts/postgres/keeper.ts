/**
 * Runs a PostgreSQL server for a parent process. A SIGKILL gives the parent no chance to stop its server, so this process does:
 * the end of its standard input means that the parent stops or is gone, in whatever way. It has a session of its own: a Ctrl-C in
 * the terminal reaches the parent alone, which can finish its work before it stops the server.
 *
 * Argument: JSON of `EmbeddedPostgresOptions`. Standard output: a {@link KeeperReport} a line, as JSON.
 */
import { randomBytes } from "node:crypto";
import { chown, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { clusterVersion, type DataDirectory, prepareDataDirectory } from "./data-directory.ts";
import type { EmbeddedPostgresOptions, RunningServer } from "./embedded-postgres.ts";
import { findFreePort } from "./free-port.ts";
import { ensureUnused, inUseMessage } from "./postmaster-file.ts";
import { findServerAccount } from "./server-account.ts";
import { locateServerPackage, prepareServerBinaries, type ServerBinaries } from "./server-binaries.ts";
import { ServerProcess } from "./server-process.ts";

/** `ready`, and `exit` when the server has ended; or `failure` in place of both. */
export type KeeperReport = { readonly ready: RunningServer } | { readonly exit: string } | { readonly failure: string };

const PASSWORD_FILE = "flux-superuser-password";
const ATTEMPTS = 50;

const options: EmbeddedPostgresOptions = JSON.parse(process.argv[2] ?? "{}");
const stopping = new AbortController();

function report(line: KeeperReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function keep(): Promise<void> {
  const account = await findServerAccount();
  const directory = await prepareDataDirectory(options.dataDirectory, account);
  try {
    const binaries = await prepareServerBinaries(options.binaries ?? locateServerPackage(), directory.account);
    await prepareCluster(directory, binaries);
    const { server, port } = await launch(directory, binaries);
    const password = (await readFile(join(directory.path, PASSWORD_FILE), "utf8").catch(() => "")) || options.password;
    const secret = password === undefined ? "" : `:${encodeURIComponent(password)}`;
    const note = [directory.note, binaries.note].filter((part) => part !== undefined).join(" ");
    report({
      ready: {
        url: `postgres://postgres${secret}@127.0.0.1:${port}/postgres`,
        dataDirectory: directory.path,
        pid: server.pid,
        version: binaries.version,
        ...(note !== "" && { note }),
      },
    });
    report({ exit: await server.exited });
  } finally {
    const { temporaryRoot } = directory;
    if (temporaryRoot !== undefined) await rm(temporaryRoot, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Makes a cluster in UTF-8 and locale C if there is none. What initdb has written goes when it fails or is stopped. */
async function prepareCluster(
  { path, initialized, account, temporaryRoot }: DataDirectory,
  { initdb, version }: ServerBinaries,
): Promise<void> {
  if (!initialized) {
    const passwordFile = `${path}.${PASSWORD_FILE}`;
    await writeFile(passwordFile, options.password ?? randomBytes(16).toString("hex"), { mode: 0o600 });
    if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
    const args = ["-D", path, "-U", "postgres", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"];
    // The data of a throwaway server are not needed after a power cut.
    if (temporaryRoot !== undefined) args.push("--no-sync");
    const process = new ServerProcess(initdb, [...args, `--pwfile=${passwordFile}`], account, stopping.signal);
    const exit = await process.exited;
    if (exit === "0") await rename(passwordFile, join(path, PASSWORD_FILE));
    else {
      await rm(passwordFile);
      throw new Error(`initdb failed (${exit}) in ${path}:\n${process.log}`);
    }
  }
  const found = await clusterVersion(path);
  if (found !== undefined && found !== version.split(".")[0]) {
    throw new Error(
      `The data directory ${path} is of PostgreSQL ${found}, and these binaries are PostgreSQL ${version}: ` +
        "dump it with the other version and restore it here, or name another directory.",
    );
  }
}

/** Starts the server, again where the failure is one that passes: a free port lost to another process, or leftovers. */
async function launch(directory: DataDirectory, binaries: ServerBinaries) {
  const { path, account } = directory;
  for (let attempt = 1; ; attempt++) {
    await ensureUnused(path);
    stopping.signal.throwIfAborted();
    const port = options.port ?? (await findFreePort());
    const server = new ServerProcess(binaries.postgres, serverArguments(directory, port), account, stopping.signal);
    const failure = await server.failure();
    if (failure === undefined) return { server, port };
    server.end();
    await server.exited;
    const isPortTaken = /could not create any TCP\/IP sockets/.test(server.log);
    if (isPortTaken && options.port !== undefined) {
      throw new Error(`Port ${port} on 127.0.0.1 cannot be used:\n${server.log}`);
    }
    if (/lock file "postmaster.pid" already exists/.test(server.log)) throw new Error(inUseMessage(path));
    // The orphaned children of a killed server hold its shared memory for a moment.
    const passes = isPortTaken || /pre-existing shared memory block/.test(server.log);
    if (!passes || attempt === ATTEMPTS) {
      throw new Error(`PostgreSQL did not start in ${path} (${failure}). The end of its log:\n${server.log}`);
    }
    await delay(200);
  }
}

function serverArguments({ path, temporaryRoot }: DataDirectory, port: number): string[] {
  const settings = {
    ...(temporaryRoot !== undefined && { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
    ...options.settings,
    // No Unix socket: its path has a short limit, and nothing needs it.
    unix_socket_directories: "",
    listen_addresses: "127.0.0.1",
    port: String(port),
    // The log is read from standard error, in English.
    logging_collector: "off",
    log_destination: "stderr",
    lc_messages: "C",
  };
  return ["-D", path, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

process.stdin.resume().on("close", () => stopping.abort());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stopping.abort());
// There may be no one left to read it.
process.stdout.on("error", () => undefined);
await keep().catch((error: unknown) => report({ failure: error instanceof Error ? error.message : String(error) }));
// Standard input may be open still.
process.exit(0);
