import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll } from "vitest";
import { compilePrograms, type Programs } from "../programs.ts";

/** How a command ended, and what it wrote. */
interface CommandOutcome {
  readonly exit: number | null;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/**
 * Runs `flux-dao` with these arguments, and only these variables, until it ends, in `folder`; `meanwhile` is called once it has
 * started. Its standard output is `stdout`, a file descriptor, if that is given.
 */
export type RunCommand = (
  args: readonly string[],
  environment?: Readonly<Record<string, string>>,
  meanwhile?: (command: ChildProcess) => Promise<void>,
  folder?: string,
  stdout?: number,
) => Promise<CommandOutcome>;

/** The command-line program, compiled once for the file. */
export function useCommand(compile = () => compilePrograms({ cli: "packages/dao-http/src/cli.ts" })): RunCommand {
  let programs: Programs<"cli"> | undefined;
  beforeAll(async () => {
    programs = await compile();
  });
  afterAll(() => programs?.[Symbol.asyncDispose]());
  return async (args, environment = {}, meanwhile = async () => {}, folder = tmpdir(), output) => {
    const env = { PATH: process.env["PATH"], ...environment };
    const child = spawn(process.execPath, [programs?.file("cli") ?? "", ...args], {
      cwd: folder,
      env,
      stdio: ["ignore", output ?? "pipe", "pipe"],
    });
    const read = async (stream: Readable | null) => (stream === null ? "" : await text(stream));
    // Unless `meanwhile` closed it.
    const ended = Promise.all([read(child.stdout).catch(() => ""), read(child.stderr), once(child, "close")]);
    const [[stdout, stderr]] = await Promise.all([ended, meanwhile(child)]);
    return { exit: child.exitCode, stdout, stderr };
  };
}
