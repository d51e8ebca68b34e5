import { execFileSync } from "node:child_process";

/** How often it is looked whether the launchers are still there. */
const INTERVAL_MS = 500;

/**
 * Calls `callback` once when npx, pnpm, or a shell of theirs that this process was started through has gone. A signal to
 * one of them does not reach this process: npx ends, and what it started would stay behind.
 */
export function onLauncherGone(callback: () => void): void {
  const launchers = findLaunchers();
  if (launchers.length === 0) return;
  const timer = setInterval(() => {
    if (launchers.every(isRunning)) return;
    clearInterval(timer);
    callback();
  }, INTERVAL_MS);
  timer.unref();
}

/** This process's ancestors up to the first that is no launcher, such as the user's own shell. */
function findLaunchers(): number[] {
  const processes = new Map(listProcesses().map((one) => [one.pid, one]));
  const launchers: number[] = [];
  for (let one = processes.get(process.ppid); one !== undefined; one = processes.get(one.parent)) {
    if (!/\b(tsx|pnpm|npm|npx)\b/.test(one.command)) break;
    launchers.push(one.pid);
  }
  return launchers;
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Empty where there is no `ps`: on Windows, where a console's processes end together. */
function listProcesses(): Process[] {
  let listing: string;
  try {
    listing = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  } catch {
    return [];
  }
  return listing.split("\n").flatMap((line) => {
    const [, pid, parent, command = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
