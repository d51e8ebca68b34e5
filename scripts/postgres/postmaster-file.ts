import { readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "./error-code.ts";

const POLL_MS = 20;
/** A server that was told to stop may have to write a lot; one whose parent was just killed has not been told yet. */
const STOPPING_MS = 30_000;
const GRACE_MS = 1_000;

/**
 * Makes sure that no server runs on `dataDirectory`. One that is about to end is waited for, and a file that a killed server
 * left is removed if its pid belongs to another process by now: PostgreSQL would take that one for a server.
 *
 * @throws Error when a live server uses the directory
 */
export async function ensureUnused(dataDirectory: string): Promise<void> {
  const file = join(dataDirectory, "postmaster.pid");
  const start = Date.now();
  for (;;) {
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
    const pid = Number(lines[0]);
    const owner = pid > 0 ? await ownerOf(pid, dataDirectory) : "unknown";
    if (owner === "other") await rm(file, { force: true });
    // In doubt PostgreSQL itself decides.
    if (owner !== "server") return;
    const patience = lines[7]?.trim() === "stopping" ? STOPPING_MS : GRACE_MS;
    if (Date.now() - start > patience) throw new Error(inUseMessage(dataDirectory, pid));
    await delay(POLL_MS);
  }
}

/** The sentence for a data directory that another server uses. */
export function inUseMessage(dataDirectory: string, pid?: number): string {
  const server = pid === undefined ? "another running PostgreSQL server" : `a running PostgreSQL server (pid ${pid})`;
  return `The data directory ${dataDirectory} is in use by ${server}: stop that one, or name another directory.`;
}

/** Whether a pid is that of the server of `dataDirectory`: it changes into that folder, and stays there. */
async function ownerOf(pid: number, dataDirectory: string): Promise<"server" | "other" | "unknown"> {
  if (process.platform !== "linux") return "unknown";
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(dataDirectory)) ? "server" : "other";
  } catch (error) {
    return errorCode(error) === "ENOENT" ? "other" : "unknown";
  }
}
