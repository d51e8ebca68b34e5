import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning, kernel, pidNamespace, startTimeOf } from "./process-identity.ts";

/** The contents of a lock file: the process that has, or wants, the folder. */
export interface FolderHolder {
  readonly pid: number;
  readonly host: string;
  /** The running kernel, which all containers of a machine share. */
  readonly kernel: string | undefined;
  readonly pidNamespace: string | undefined;
  readonly startTime: string | undefined;
  /** Whether it listens on a socket beside the lock file. */
  readonly listens: boolean;
}

/** Another process has the folder. */
export class FolderInUseError extends Error {
  readonly holder: FolderHolder;
  readonly lockFile: string;
  /** Whether it is certain to be running; another machine's processes cannot be checked. */
  readonly isCertain: boolean;

  constructor(holder: FolderHolder, lockFile: string, isCertain: boolean) {
    super(`The folder is in use by process ${holder.pid}.`);
    this.holder = holder;
    this.lockFile = lockFile;
    this.isCertain = isCertain;
  }
}

const thisProcess = () => {
  const { pid } = process;
  return { pid, host: hostname(), kernel, pidNamespace, startTime: startTimeOf(pid) };
};

/** Whether it is this process, in any thread, with any copy of this package. */
export function isThisProcess({ pid, startTime, pidNamespace: namespace }: FolderHolder): boolean {
  const own = thisProcess();
  return pid === own.pid && startTime === own.startTime && namespace === own.pidNamespace;
}

/** Milliseconds that the first of several simultaneous openers waits for the others to give way. */
const CONTEST = 5_000;

const lockName = /^flux-dao-([0-9a-z]+-[0-9a-f]+)\.lock$/;

/**
 * Takes a folder for this process alone, until what is returned is called, or the process ends, however it does.
 *
 * Node has no lock that the system drops with its process. So each who comes listens on a socket in the folder, then
 * announces itself by a lock file, and only then looks at who else is announced: of two, one at least sees the other. A holder
 * is alive while its socket takes connections, which is right whichever process has the pid now, in any container.
 * Of several alive the earliest stays.
 *
 * @param folder its real path
 * @throws FolderInUseError
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const token = `${Date.now().toString(36).padStart(9, "0")}-${randomBytes(8).toString("hex")}`;
  const server = await listen(socketPath(folder, token)).catch(() => undefined);
  const release = async () => {
    const path = lockPath(folder, token);
    await Promise.all([rm(path, { force: true }), rm(unannounced(path), { force: true })]);
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  };
  try {
    await announce(folder, token, server !== undefined);
    const end = performance.now() + CONTEST;
    for (;;) {
      const others = await othersIn(folder, token);
      const [first] = others;
      if (first === undefined) return release;
      const isEarlier = first.token < token || !first.error.isCertain;
      if (isEarlier || performance.now() > end) throw first.error;
      await delay(10);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

const lockPath = (folder: string, token: string) => join(folder, `flux-dao-${token}.lock`);
const unannounced = (path: string) => `${path}.new`;

function socketPath(folder: string, token: string): string {
  return process.platform === "win32" ? `\\\\.\\pipe\\flux-dao-${token}` : join(folder, `flux-dao-${token}.sock`);
}

/** Systems truncate or reject longer paths: some have room for 104 bytes, including the final zero. */
const isTooLong = (socket: string) => Buffer.byteLength(socket) > 103;

/** Not every file system has sockets. */
function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    if (isTooLong(path)) throw new Error("The path is too long for a socket.");
    const server = createServer((socket) => socket.destroy()).unref();
    // Also for later errors, such as a failed accept: without a listener they end the process.
    server.on("error", reject);
    // Exclusive: a worker of a cluster would have its primary listen.
    server.listen({ path, exclusive: true }, () => resolve(server));
  });
}

/** By renaming, so that the file is never seen incomplete. */
async function announce(folder: string, token: string, listens: boolean): Promise<void> {
  const path = lockPath(folder, token);
  const holder: FolderHolder = { ...thisProcess(), listens };
  await writeFile(unannounced(path), JSON.stringify(holder), { mode: 0o600, flag: "wx" });
  await rename(unannounced(path), path);
}

/** The announced processes that are, or may be, alive, the earliest first; files of dead processes are removed. */
async function othersIn(folder: string, own: string) {
  const tokens = (await readdir(folder)).flatMap((name) => lockName.exec(name)?.[1] ?? []).sort();
  const others: { readonly token: string; readonly error: FolderInUseError }[] = [];
  for (const token of tokens) {
    if (token === own) continue;
    const path = lockPath(folder, token);
    const holder = await read(path);
    const life = holder === undefined ? "dead" : await lifeOf(holder, socketPath(folder, token));
    if (holder === undefined || life === "dead") {
      await Promise.all([rm(path, { force: true }), rm(socketPath(folder, token), { force: true })]);
    } else {
      others.push({ token, error: new FolderInUseError(holder, path, life === "alive") });
    }
  }
  return others;
}

/** `undefined` if it has been removed, or was truncated by a power failure. */
async function read(path: string): Promise<FolderHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as FolderHolder;
  } catch (error) {
    const isGone =
      error instanceof SyntaxError || (error instanceof Error && "code" in error && error.code === "ENOENT");
    if (isGone) return undefined;
    throw error;
  }
}

async function lifeOf(holder: FolderHolder, socket: string): Promise<"alive" | "dead" | "unknown"> {
  const isHere = holder.kernel === undefined ? holder.host === hostname() : holder.kernel === kernel;
  // The same name with another boot id is this machine before a reboot.
  if (!isHere) return holder.host === hostname() ? "dead" : "unknown";
  // It may have a shorter path there, in another container.
  if (holder.listens && isTooLong(socket)) return "unknown";
  if (holder.listens) return (await isListening(socket)) ? "alive" : "dead";
  if (holder.pidNamespace !== pidNamespace) return "unknown";
  return isRunning(holder.pid, holder.startTime) ? "alive" : "dead";
}

/** Any other error means that the socket exists. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}
