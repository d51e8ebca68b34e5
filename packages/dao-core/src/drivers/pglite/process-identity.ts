import { readFileSync, readlinkSync } from "node:fs";

// Facts about processes that Linux provides; on other systems they are absent.

/** Changes with each boot of the machine; the same in all of its containers. */
export const kernel: string | undefined = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());

/** Processes of other namespaces, which containers are, have pids of their own. */
export const pidNamespace: string | undefined = attempt(() => readlinkSync("/proc/self/ns/pid"));

/** The start time of a process, which distinguishes it from a later one with the same pid. */
export function startTimeOf(pid: number): string | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The 22nd field (proc_pid_stat(5)); the second one, a name in parentheses, may hold blanks.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** Whether the process that has this pid now is the one that started then. */
export function isRunning(pid: number, startTime: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is another user's.
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
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
