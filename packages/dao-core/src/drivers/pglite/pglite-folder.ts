import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDaoError, UnavailableError } from "../../contract/errors.ts";
import { isError } from "../../contract/fields/realms.ts";

/** A folder that only this process uses, and only its user can read. */
export interface EmbeddedFolder {
  /** Absolute and without links, so that the working directory may change. */
  readonly path: string;
  /** Releases it. */
  readonly release: () => Promise<void>;
}

/** Creates the folder, denies others access, and locks it. @throws UnavailableError that names its holder, or what is wrong */
export async function takeFolder(folder: string): Promise<EmbeddedFolder> {
  try {
    await makeFolder(folder);
    const path = await realpath(folder);
    await keepOthersOut(path);
    const release = await lockFolder(path);
    if (typeof release === "function") return { path, release };
    throw new UnavailableError(`The embedded database in ${folder} ${inUse(release)}`);
  } catch (error) {
    if (isDaoError(error)) throw error;
    throw new UnavailableError(`The embedded database in ${folder} ${unusable(error)}`, { cause: error });
  }
}

const OWN = 0o700;

/** As `mkdir` does with `recursive`, which in /proc never returns on Node.js 20. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: OWN });
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    const parent = dirname(resolve(folder));
    if (codeOf(error) !== "ENOENT" || existsSync(parent)) throw error;
    await makeFolder(parent);
    await makeFolder(folder);
  }
}

/** What an effectively empty folder may contain, such as the root of a volume. */
const isNothing = (name: string) => name.startsWith(".") || name === "lost+found";

/** Narrows the wide permissions of folders of earlier versions, unless other files are there, which others may need. */
async function keepOthersOut(path: string): Promise<void> {
  if (((await stat(path)).mode & 0o777) === OWN) return;
  const names = await readdir(path);
  if (!names.includes("PG_VERSION") && !names.every(isNothing)) {
    const advice = "Name a new or an empty one for the embedded database.";
    throw new UnavailableError(`The folder ${path} holds other files. ${advice}`);
  }
  await chmod(path, OWN);
}

function inUse({ holder, lockFile, isCertain }: FolderUse): string {
  const process = `process ${holder.pid} on ${holder.host}`;
  if (!isCertain) {
    return (
      `was opened by ${process}, which cannot be asked from here. Only if that process has ended, delete ${lockFile}, ` +
      "and open the database again."
    );
  }
  if (isThisProcess(holder)) {
    return `is open in this process (${holder.pid}) already. Share the one that is open, or close it first.`;
  }
  return (
    `is in use by ${process}, and one process at a time can have it. End that process first; or, for several at a time, ` +
    "use its REST API (flux-dao serve), or a PostgreSQL server."
  );
}

function unusable(error: unknown): string {
  const code = codeOf(error);
  return `cannot be opened${code === undefined ? "" : ` (${code})`}. It must be a folder that this user owns and can write to.`;
}

// Linux only.

/** Changes with each boot of the machine; the same in all its containers. */
const kernel = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());

/** Containers are namespaces, each with pids of its own. */
const pidNamespace = attempt(() => readlinkSync("/proc/self/ns/pid"));

/** The start time of a process, which distinguishes it from a later one with the same pid. */
function startTimeOf(pid: number): string | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The 22nd field (proc_pid_stat(5)); the second one, a name in parentheses, may hold blanks.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** Whether the process that has this pid now is the one that started then. */
function isRunning(pid: number, startTime: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is another user's.
    if (codeOf(error) === "ESRCH") return false;
  }
  return startTime === undefined || startTimeOf(pid) === startTime;
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown) => (isError(error) && "code" in error ? error.code : undefined);

/** The contents of a lock file: the process that holds the folder, or wants it. */
interface FolderHolder {
  readonly pid: number;
  readonly host: string;
  /** The running kernel, which all containers of a machine share. */
  readonly kernel: string | undefined;
  readonly pidNamespace: string | undefined;
  readonly startTime: string | undefined;
  /** Whether it listens on a socket beside the lock file. */
  readonly listens: boolean;
}

/** Another process, or another part of this one, that has the folder. */
interface FolderUse {
  readonly token: string;
  readonly holder: FolderHolder;
  readonly lockFile: string;
  /** Whether it is certainly running; processes of another machine cannot be checked. */
  readonly isCertain: boolean;
}

/** Whether it is this process, in any thread, with any copy of this package. */
function isThisProcess(holder: FolderHolder): boolean {
  const { pid, startTime } = holder;
  return pid === process.pid && startTime === startTimeOf(pid) && holder.pidNamespace === pidNamespace;
}

/** Milliseconds that the first of several simultaneous openers waits for the others to withdraw. */
const CONTEST = 5_000;

const lockName = /^flux-dao-([0-9a-z]+-[0-9a-f]+)\.lock$/;

/**
 * Reserves a folder for this process until the returned function is called, or the process ends in any way. Returns who has it
 * if it is in use.
 *
 * Node has no lock that the system releases with the process. So each opener listens on a socket in the folder, then announces
 * itself by a lock file, then looks for others: of two, at least one sees the other. A holder is alive while its socket accepts
 * connections, even from another container, and even if its pid is in use again. Of several alive the earliest keeps the folder.
 *
 * @param folder its real path
 */
async function lockFolder(folder: string): Promise<(() => Promise<void>) | FolderUse> {
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
      const [first] = await othersIn(folder, token);
      if (first === undefined) return release;
      if (first.token < token || !first.isCertain || performance.now() > end) {
        await release();
        return first;
      }
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
    // Kept for later errors, such as a failed accept: without a listener they would end the process.
    server.on("error", reject);
    // Exclusive: in a cluster worker, the primary would listen instead.
    server.listen({ path, exclusive: true }, () => resolve(server));
  });
}

/** By renaming, so that the file is never seen incomplete. */
async function announce(folder: string, token: string, listens: boolean): Promise<void> {
  const path = lockPath(folder, token);
  const { pid } = process;
  const holder: FolderHolder = { pid, host: hostname(), kernel, pidNamespace, startTime: startTimeOf(pid), listens };
  await writeFile(unannounced(path), JSON.stringify(holder), { mode: 0o600, flag: "wx" });
  await rename(unannounced(path), path);
}

/** The announced processes that are, or may be, alive, the earliest first; files of dead processes are removed. */
async function othersIn(folder: string, own: string): Promise<FolderUse[]> {
  const tokens = (await readdir(folder)).flatMap((name) => lockName.exec(name)?.[1] ?? []).sort();
  const others: FolderUse[] = [];
  for (const token of tokens) {
    if (token === own) continue;
    const [lockFile, socket] = [lockPath(folder, token), socketPath(folder, token)];
    const holder = await read(lockFile);
    const life = holder === undefined ? "dead" : await lifeOf(holder, socket);
    if (holder === undefined || life === "dead") {
      await Promise.all([rm(lockFile, { force: true }), rm(socket, { force: true })]);
    } else others.push({ token, holder, lockFile, isCertain: life === "alive" });
  }
  return others;
}

/** `undefined` if it has been removed, or was truncated by a power failure. */
async function read(path: string): Promise<FolderHolder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, "utf8"));
    return isHolder(holder) ? holder : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function isHolder(value: unknown): value is FolderHolder {
  const { pid, host }: { readonly pid?: unknown; readonly host?: unknown } = Object(value);
  return typeof pid === "number" && typeof host === "string";
}

async function lifeOf(holder: FolderHolder, socket: string): Promise<"alive" | "dead" | "unknown"> {
  const isHere = holder.kernel === undefined ? holder.host === hostname() : holder.kernel === kernel;
  // The same name with another boot id means this machine before a reboot.
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
