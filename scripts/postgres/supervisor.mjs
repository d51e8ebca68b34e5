/**
 * Runs one command for a parent process, and ends it when the parent ends.
 *
 * A SIGKILL gives the parent no chance to stop its server, so this process stands between them: the end of its standard
 * input means that the parent stops or is gone, whatever the way. It is plain JavaScript because it runs without a loader.
 *
 * Argument: JSON of `{ command, args, cwd, env, uid?, gid?, removeIfAbandoned? }`. Standard output: one JSON object a line,
 * `{ pid }` once, then `{ exit }` or `{ failure }`. Standard error is the command's own output. A line `stop` on standard
 * input before its end means that the parent cleans up itself; without it `removeIfAbandoned` is removed.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";

/** Patience before each harder signal. The order is PostgreSQL's: fast shutdown, immediate shutdown, then the kernel. */
const SIGNALS = ["SIGINT", "SIGQUIT", "SIGKILL"];
const PATIENCE_MS = 15_000;

const { command, args, removeIfAbandoned, ...options } = JSON.parse(String(process.argv[2]));

let input = "";
let parentGone = false;
let childGone = false;

const child = spawn(command, args, { ...options, stdio: ["ignore", 2, 2] });
if (child.pid !== undefined) report({ pid: child.pid });
child.on("error", (error) => childEnded({ failure: error.message }));
child.on("exit", (code, signal) => childEnded({ exit: signal ?? String(code) }));

process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  input += text;
});
for (const event of ["end", "close", "error"]) process.stdin.on(event, parentEnded);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => endChild(0));
// Nobody may be left to read.
process.stdout.on("error", () => {});

function report(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function childEnded(event) {
  if (childGone) return;
  childGone = true;
  report(event);
  finish();
}

function parentEnded() {
  if (parentGone) return;
  parentGone = true;
  endChild(0);
  finish();
}

function endChild(step) {
  if (childGone || step >= SIGNALS.length) return;
  child.kill(SIGNALS[step]);
  setTimeout(() => endChild(step + 1), PATIENCE_MS).unref();
}

/** Stays until both have ended: the parent may still vanish and leave its temporary files after the child has. */
function finish() {
  if (!parentGone || !childGone) return;
  const stopped = input.startsWith("stop");
  if (!stopped && removeIfAbandoned !== undefined) {
    rmSync(removeIfAbandoned, { recursive: true, force: true, maxRetries: 5 });
  }
  process.exit(0);
}
