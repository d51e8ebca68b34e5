import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Sends `signal` to the postmaster and all of its processes: to the postmaster first, so that it starts no others. */
export async function signalServer(postmaster: number, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
  // A killed postmaster has no children left.
  if (signal === "SIGKILL") await signalServer(postmaster, "SIGSTOP");
  const children = await childrenOf(postmaster);
  for (const pid of signal === "SIGCONT" ? [...children, postmaster] : [postmaster, ...children]) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  if (process.platform === "linux") {
    const list = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return list.trim().split(" ").filter(Boolean).map(Number);
  }
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child = 0, parent]) => (parent === pid ? [child] : []));
}
