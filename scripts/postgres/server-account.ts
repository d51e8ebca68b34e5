import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A system account under which the server runs instead of the caller's. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Conventional accounts; initdb refuses a uid without an entry in the account database. */
const CANDIDATES = ["postgres", "_postgres", "nobody", "daemon"];

/**
 * Finds the account for the server; `undefined` if the caller's own will do, since it is not root, or the system has no uids.
 * @throws Error if the caller is root and the system has none of the usual unprivileged accounts
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

/**
 * Whether `account` can enter `directory` and write to it. The kernel decides: mode bits do not cover access lists or mounts.
 */
export async function canUseDirectory(directory: string, account: ServerAccount | undefined): Promise<boolean> {
  if (process.platform === "win32") return true;
  const test = ["-c", 'test -w "$1" && test -x "$1"', "sh", directory];
  const tested = run("/bin/sh", test, { cwd: "/", ...identityOf(account) });
  return (await tested.catch(() => undefined)) !== undefined;
}

/**
 * Gives a directory and its contents to `account`; returns false if the file system has no owners, or access is denied.
 */
export async function handOver(directory: string, account: ServerAccount | undefined): Promise<boolean> {
  if (account === undefined) return true;
  // Links are not followed: their targets may lie outside of the directory.
  const owned = await run("chown", ["-RPh", `${account.uid}:${account.gid}`, directory]).catch(() => undefined);
  return owned !== undefined && (await canUseDirectory(directory, account));
}

/**
 * Where root stores what the server's account cannot access elsewhere. Only root can write to it, everyone can read it.
 */
export async function sharedFolder(): Promise<string> {
  const folder = "/var/lib/flux-embedded-postgres";
  await mkdir(folder, { recursive: true });
  await run("chmod", ["755", folder]);
  return folder;
}
