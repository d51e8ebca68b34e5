import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { repository } from "./repository.ts";

type CommandLine = readonly [string, ...string[]];

interface RunOptions {
  /** Default: the repository. */
  readonly cwd?: string;
  /** What is set beside this process's own variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The account that it runs under; default: the caller's. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Runs a command to its end, its output shown as it comes.
 * @throws Error when it does not end with 0
 */
export async function run(commandLine: CommandLine, options: RunOptions = {}): Promise<void> {
  const [command, ...args] = commandLine;
  const child = spawn(command, args, { ...toSpawn(options), stdio: ["ignore", "inherit", "inherit"] });
  // Rejects when there is no such command.
  const [code, signal] = await once(child, "close");
  if (code !== 0) throw new Error(`${commandLine.join(" ")} ended with ${code ?? signal}`);
}

/**
 * What a command prints, without the spaces around it.
 * @throws Error when it does not end with 0; the message has what it said
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
