import { execFile } from "node:child_process";
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
 * Finds the account for the server.
 *
 * @returns `undefined` when the caller's own account will do (it is not root, or the system has no uids).
 * @throws Error when the caller is root and the system knows none of the usual unprivileged accounts.
 */
export async function findServerAccount(): Promise<ServerAccount | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  for (const name of CANDIDATES) {
    const account = await lookUp(name);
    if (account !== undefined && account.uid !== 0) return account;
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and this system has none of the accounts ${CANDIDATES.join(", ")} to run it under.`,
  );
}

/** The `uid` and `gid` options for spawning under `account`; empty for the caller's own account. */
export function identityOf(account: ServerAccount | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

/**
 * Tells whether `account` can enter and write to `directory`.
 *
 * It asks the kernel under that account rather than reading mode bits: those say nothing of access lists or of how the
 * file system is mounted.
 */
export async function canUseDirectory(directory: string, account: ServerAccount | undefined): Promise<boolean> {
  if (process.platform === "win32") return true;
  try {
    await run("/bin/sh", ["-c", 'test -w "$1" && test -x "$1"', "sh", directory], { cwd: "/", ...identityOf(account) });
    return true;
  } catch {
    return false;
  }
}

async function lookUp(name: string): Promise<ServerAccount | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}
