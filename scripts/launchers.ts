import { execFileSync } from "node:child_process";
import { errorCode } from "./postgres/error-code.ts";

/** How often the launchers are polled. */
const INTERVAL_MS = 500;

/** The role of an ancestor process in starting this one. */
type Role = "launcher" | "shell" | "other";

/**
 * Calls `callback` once when the npx, the pnpm, or a shell of theirs that started this process is gone. A signal to one of
 * them does not reach this process: npx ends, and would leave its descendants running.
 *
 *
 * The launchers are listed at the call, so one that is already gone by the first poll is not missed.
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

/**
 * This process's ancestors up to the outermost npx or pnpm. Shells between them belong to them; a shell above them is the
 * user's, and may end while its jobs continue.
 */
function findLaunchers(): number[] {
  const processes = new Map(listProcesses().map((one) => [one.pid, one]));
  const launchers: number[] = [];
  let shells: number[] = [];
  for (let one = processes.get(process.ppid); one !== undefined; one = processes.get(one.parent)) {
    const role = roleOf(one.command);
    if (role === "other") break;
    shells.push(one.pid);
    if (role === "shell") continue;
    launchers.push(...shells);
    shells = [];
  }
  return launchers;
}

/**
 * Inspects only the program, or the script that Node.js runs: the arguments of a `su` or of a CI job's shell may also mention
 * npx.
 *
 * @param command a program and its arguments, as `ps` shows them
 */
export function roleOf(command: string): Role {
  const [program = "", ...args] = command.trim().split(/\s+/);
  const name = baseName(program);
  if (isLauncherName(name)) return "launcher";
  if (name === "node") {
    const script = args.find((argument) => !argument.startsWith("-"));
    return script !== undefined && isLauncherName(baseName(script)) ? "launcher" : "other";
  }
  return /^(ba|da|z|k|a)?sh$/.test(name) && args[0] === "-c" ? "shell" : "other";
}

/** `pnpm` for `/usr/lib/node_modules/pnpm/bin/pnpm.cjs`. */
function baseName(path: string): string {
  return path.replace(/^.*[\\/]/, "").replace(/\.(c|m)?js$|\.exe$/, "");
}

/** npx appears as `npm exec`, and before that as the script `npx-cli.js`. */
function isLauncherName(name: string): boolean {
  return /^(pnpm|pnpx|npm|npx)(-cli)?$/.test(name);
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Returns an empty list where there is no `ps`, as on Windows, where a console's processes end together. */
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
  } catch (error) {
    // EPERM: another user's process, such as the npx of a `sudo`, cannot be signalled, but exists.
    return errorCode(error) === "EPERM";
  }
}
