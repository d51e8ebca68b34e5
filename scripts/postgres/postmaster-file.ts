import { readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "./error-code.ts";

const POLL_MS = 20;
/** A server that was told to stop may have to write a lot. */
const STOPPING_MS = 30_000;
/** A server whose parent has just been killed has not been told yet. */
const GRACE_MS = 1_000;

/** What a server says of itself in `postmaster.pid`. */
interface PostmasterState {
  readonly pid: number;
  /** `starting`, `ready`, `stopping` or `standby`; `undefined` in the first moments. */
  readonly status: string | undefined;
}

/**
 * Waits until the server with `pid` accepts connections. `postmaster.pid` is what pg_ctl watches too; it needs neither a
 * password nor the log, whose language depends on the cluster.
 *
 * @returns false when `signal` fires first.
 */
export async function waitUntilReady(dataDirectory: string, pid: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const state = await readPostmasterFile(dataDirectory);
    if (state?.pid === pid && state.status === "ready") return true;
    await delay(POLL_MS);
  }
  return false;
}

/**
 * Makes sure that no server runs on `dataDirectory`. One that is about to end is waited for, and a file that a killed
 * server left is removed if its pid belongs to another process by now: PostgreSQL would take that one for a server.
 *
 * @throws Error when a live server uses the directory.
 */
export async function ensureUnused(dataDirectory: string): Promise<void> {
  const start = Date.now();
  for (;;) {
    const state = await readPostmasterFile(dataDirectory);
    if (state === undefined) return;
    const process = await classifyProcess(state.pid, dataDirectory);
    if (process === "other") await rm(join(dataDirectory, "postmaster.pid"), { force: true });
    // In doubt PostgreSQL itself decides.
    if (process !== "server") return;
    if (Date.now() - start > (state.status === "stopping" ? STOPPING_MS : GRACE_MS)) {
      throw new Error(inUseMessage(dataDirectory, state.pid));
    }
    await delay(POLL_MS);
  }
}

/** The sentence for a data directory that another server uses. */
export function inUseMessage(dataDirectory: string, pid?: number): string {
  const server = pid === undefined ? "another running PostgreSQL server" : `a running PostgreSQL server (pid ${pid})`;
  return `The data directory ${dataDirectory} is in use by ${server}: stop that one, or name another directory.`;
}

async function readPostmasterFile(dataDirectory: string): Promise<PostmasterState | undefined> {
  const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  });
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, status: lines[7]?.trim() };
}

async function classifyProcess(pid: number, dataDirectory: string): Promise<"gone" | "server" | "other" | "unknown"> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return "gone";
  }
  if (process.platform !== "linux") return "unknown";
  try {
    // A server changes into its data directory, and stays there.
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(dataDirectory)) ? "server" : "other";
  } catch (error) {
    return errorCode(error) === "ENOENT" ? "gone" : "unknown";
  }
}
