import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { repository } from "./repository.ts";

type CommandLine = readonly [string, ...string[]];

interface RunOptions {
  /** Default: the repository. */
  readonly cwd?: string;
  /** Variables to add to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The account to run under; default: the caller's. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Runs a command to its end and passes its output through.
 * @throws Error if it does not exit with 0
 */
export async function run(commandLine: CommandLine, options: RunOptions = {}): Promise<void> {
  const [command, ...args] = commandLine;
  const child = spawn(command, args, { ...toSpawn(options), stdio: ["ignore", "inherit", "inherit"] });
  // Rejects if there is no such command.
  const [code, signal] = await once(child, "close");
  if (code !== 0) throw new Error(`${commandLine.join(" ")} ended with ${code ?? signal}`);
}

/**
 * The trimmed output of a command.
 * @throws Error with the command's standard error if it does not exit with 0
 */
export async function read(commandLine: CommandLine, options: RunOptions = {}): Promise<string> {
  const [command, ...args] = commandLine;
  const child = spawn(command, args, { ...toSpawn(options), stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (code !== 0) throw new Error(`${commandLine.join(" ")} ended with ${code ?? signal}: ${stderr.trim()}`);
  return stdout.trim();
}

function toSpawn({ cwd = repository, env = {}, ...identity }: RunOptions) {
  return { cwd, env: { ...process.env, ...env }, ...identity };
}
