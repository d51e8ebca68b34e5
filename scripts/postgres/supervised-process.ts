import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { identityOf, type ServerAccount } from "./server-account.ts";

const SUPERVISOR = fileURLToPath(new URL("./supervisor.mjs", import.meta.url));
const KEPT_LINES = 40;

/** A line of the supervisor's standard output. */
interface SupervisorEvent {
  readonly pid?: number;
  readonly exit?: string;
  readonly failure?: string;
}

/** A command to run, and what to do should this process vanish. */
export interface SupervisedCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Under which account; by default the caller's. */
  readonly account: ServerAccount | undefined;
  /** A folder that the supervisor removes if this process ends without `end()`. */
  readonly removeIfAbandoned: string | undefined;
  /** Receives each line of the command's output. */
  readonly log: ((line: string) => void) | undefined;
}

/** A running command whose life is bound to that of this process. */
export interface SupervisedProcess {
  readonly pid: number;
  /** Fulfilled when the command has ended, with its exit code or the signal's name as text. */
  readonly exited: Promise<string>;
  /** The last lines of the command's output. */
  logTail(): string;
  /** Lets Node.js end although the command still runs (the supervisor then ends the command). */
  unref(): void;
  /** Ends the command (SIGINT, and harder signals if it does not obey) and its supervisor. May be called again. */
  end(): Promise<void>;
}

/**
 * Starts a command under a supervisor, a process of its own that ends the command as soon as this one is gone, be it by
 * SIGKILL. Both run in their own session, so that a Ctrl-C in the terminal reaches this process alone, which can then
 * finish its work before it ends the command.
 *
 * @throws Error when the command cannot be spawned.
 */
export async function startSupervised(options: SupervisedCommand): Promise<SupervisedProcess> {
  const { command, args, account, removeIfAbandoned } = options;
  const cwd = process.platform === "win32" ? undefined : "/";
  const spec = { command, args, cwd, env: commandEnvironment(), ...identityOf(account), removeIfAbandoned };
  // Loaders and inspectors in NODE_OPTIONS are not meant for the supervisor.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const supervisor = spawn(process.execPath, [SUPERVISOR, JSON.stringify(spec)], {
    cwd,
    env,
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const tail: string[] = [];
  createInterface({ input: supervisor.stderr }).on("line", (line) => {
    tail.push(line);
    if (tail.length > KEPT_LINES) tail.shift();
    options.log?.(line);
  });
  const closed = new Promise((resolve) => supervisor.once("close", resolve));
  const events = createInterface({ input: supervisor.stdout });
  const started = new Promise<number>((resolve, reject) => {
    events.on("line", (line) => {
      const event: SupervisorEvent = JSON.parse(line);
      if (event.pid !== undefined) resolve(event.pid);
      if (event.failure !== undefined) reject(new Error(`${command} cannot be started: ${event.failure}`));
    });
    supervisor.on("error", reject);
    supervisor.on("close", (code, signal) => {
      reject(new Error(`The supervisor of ${command} ended early (${signal ?? code}): ${tail.join("\n")}`));
    });
  });
  const exited = new Promise<string>((resolve) => {
    events.on("line", (line) => {
      const event: SupervisorEvent = JSON.parse(line);
      if (event.exit !== undefined) resolve(event.exit);
    });
    supervisor.on("exit", () => resolve("unknown, its supervisor was killed"));
  });
  // The supervisor may be gone when the end is written to it; its exit event tells.
  supervisor.stdin.on("error", () => {});

  const end = async (): Promise<void> => {
    supervisor.ref();
    if (supervisor.pid !== undefined && supervisor.exitCode === null && supervisor.signalCode === null) {
      const exit = once(supervisor, "exit");
      supervisor.stdin.end("stop\n");
      await exit;
    }
    // The rest of the output; a grandchild that holds the pipe open must not hold this process.
    await Promise.race([closed, delay(1_000, undefined, { ref: false })]);
  };
  try {
    const pid = await started;
    return { pid, exited, logTail: () => tail.join("\n"), unref: () => unref(supervisor), end };
  } catch (error) {
    await end();
    throw error;
  }
}

function unref(supervisor: ChildProcess): void {
  supervisor.unref();
  for (const stream of supervisor.stdio) if (stream instanceof Socket) stream.unref();
}

/**
 * A small environment: variables such as PGDATA, PGOPTIONS or LD_LIBRARY_PATH of the caller must not change the server.
 * The time zone is UTC as in the official Docker image, so that tests see one behaviour in both.
 */
function commandEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { LC_ALL: "C", TZ: "UTC" };
  for (const name of ["PATH", "SystemRoot", "TEMP", "TMP"]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
