import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** An account of the operating system under which the server runs instead of the caller's own. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Accounts that exist by convention; initdb refuses a uid without an entry in the account database. */
const CANDIDATES = ["postgres", "_postgres", "nobody", "daemon"];

/**
 * Finds the account for the server; `undefined` where the caller's own will do: it is not root, or the system has no uids.
 * @throws Error when the caller is root, and the system has none of the usual unprivileged accounts
 */
export async function findServerAccount(): Promise<ServerAccount | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  for (const name of CANDIDATES) {
    const ids = ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, name])).stdout));
    const [uid = 0, gid = 0] = await Promise.all(ids).catch(() => []);
    if (uid !== 0) return { name, uid, gid };
  }
  const names = CANDIDATES.join(", ");
  throw new Error(
    `PostgreSQL refuses to run as root, and this system has none of the accounts ${names} to run it under.`,
  );
}

/** The `uid` and `gid` options for spawning under `account`; empty for the caller's own account. */
export function identityOf(account: ServerAccount | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

/** Whether `account` can enter and write to `directory`, by the kernel: mode bits say nothing of access lists, or of mounts. */
export async function canUseDirectory(directory: string, account: ServerAccount | undefined): Promise<boolean> {
  if (process.platform === "win32") return true;
  const test = ["-c", 'test -w "$1" && test -x "$1"', "sh", directory];
  const tested = run("/bin/sh", test, { cwd: "/", ...identityOf(account) });
  return (await tested.catch(() => undefined)) !== undefined;
}

/** Gives a directory and what is in it to `account`; false when the file system has no owners, or it cannot get there. */
export async function handOver(directory: string, account: ServerAccount | undefined): Promise<boolean> {
  if (account === undefined) return true;
  // Not through links: their targets may lie outside of it.
  const owned = await run("chown", ["-RPh", `${account.uid}:${account.gid}`, directory]).catch(() => undefined);
  return owned !== undefined && (await canUseDirectory(directory, account));
}

/** Where root keeps what the server's account cannot reach elsewhere: only root may write to it, and everyone may read. */
export async function sharedFolder(): Promise<string> {
  const folder = "/var/lib/flux-embedded-postgres";
  await mkdir(folder, { recursive: true });
  await run("chmod", ["755", folder]);
  return folder;
}
