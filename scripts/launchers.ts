import { execFileSync } from "node:child_process";
import { errorCode } from "./postgres/error-code.ts";

/** How often it is looked whether the launchers are still there. */
const INTERVAL_MS = 500;

/** What a process is to the command it was started through. */
type Role = "launcher" | "shell" | "other";

/**
 * Calls `callback` once when npx, pnpm, or a shell of theirs that this process was started through has gone. A signal to
 * one of them does not reach this process: npx ends, and what it started would stay behind.
 *
 * They are listed at the call: one that has gone before it is not missed.
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
 * This process's ancestors up to the outermost npx or pnpm. Shells between them are theirs; one above them is the user's,
 * and may end while what it started goes on.
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
 * Looks at the program alone, or the script that Node.js runs: the arguments of a `su` or of a CI job's shell may name
 * npx as well.
 *
 * @param command A program and its arguments, as `ps` shows them.
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

/** npx shows itself as `npm exec`, and is the script `npx-cli.js` before it does. */
function isLauncherName(name: string): boolean {
  return /^(pnpm|pnpx|npm|npx)(-cli)?$/.test(name);
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
  } catch (error) {
    // Another user's process, as the npx of a `sudo` is, may not be signalled, but it is there.
    return errorCode(error) === "EPERM";
  }
}
