import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { afterAll, beforeAll } from "vitest";
import { compilePrograms, type Programs } from "../programs.ts";

type Environment = Readonly<Record<string, string>>;

/** The service as users start it: a process of its own, configured only by its environment. */
interface CliProcess extends AsyncDisposable {
  /** Resolves with its URL once it reports that it is ready; rejects with its output if it exits first. */
  readonly started: Promise<string>;
  readonly pid: number;
  /** Its output so far, standard output and error together. */
  output(): string;
  /** Its standard output so far. */
  log(): string;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
  kill(signal: NodeJS.Signals): void;
  /** Closes the pipes of its output. */
  leaveOutput(): void;
}

/** The outcome of a start that is expected to fail. */
interface CliOutcome {
  /** The exit code, the signal that ended it, or `it started`. */
  readonly exit: number | NodeJS.Signals | "it started" | null;
  readonly output: string;
  /** Milliseconds until it exited or started. */
  readonly milliseconds: number;
}

export interface Cli {
  /** The file that Node.js runs. */
  program(): string;
  /**
   * Starts it with only these variables, on a free port if they name none.
   * @param stdout a file to write to. Default: a pipe, which is read
   */
  start(settings: Environment, stdout?: number): CliProcess;
  /** Runs it until it exits or serves, and then stops it. */
  run(settings: Environment): Promise<CliOutcome>;
}

/** The command-line program, compiled once for the file. */
export function useCli(compile = () => compilePrograms({ cli: "packages/dao-http/src/cli.ts" })): Cli {
  let programs: Programs<"cli"> | undefined;
  beforeAll(async () => {
    programs = await compile();
  });
  afterAll(() => programs?.[Symbol.asyncDispose]());
  const program = () => programs?.file("cli") ?? "";
  const start = (settings: Environment, stdout?: number) => startProcess(program(), settings, stdout);
  return { program, start, run: (settings) => runToEnd(start(settings)) };
}

function startProcess(program: string, settings: Environment, stdout?: number): CliProcess {
  const env = { PATH: process.env["PATH"], PORT: "0", DB_PREPARE: process.env["FLUX_TEST_PREPARE"], ...settings };
  const stdio = ["ignore", stdout ?? "pipe", "pipe"] as const;
  const child = spawn(process.execPath, [program, "serve"], { cwd: tmpdir(), env, stdio: [...stdio] });
  let output = "";
  let log = "";
  child.stdout?.on("data", (text: string) => {
    log += text;
  });
  const exited = exitOf(child);
  const started = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const url = /\bat (http:\S+:\d+)/.exec(output)?.[1];
        if (url !== undefined) resolve(url);
      });
    }
    exited.then(() => reject(new Error(`The service exited before it was ready:\n${output}`)), reject);
  });
  // A caller that only awaits `exited` need not handle this rejection.
  started.catch(() => undefined);
  return {
    started,
    exited,
    pid: child.pid ?? -1,
    output: () => output,
    log: () => log,
    kill: (signal) => {
      child.kill(signal);
    },
    leaveOutput: () => {
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function runToEnd(service: CliProcess): Promise<CliOutcome> {
  const from = performance.now();
  await using running = service;
  const started = running.started.then(
    () => "it started" as const,
    () => running.exited,
  );
  const exit = await Promise.race([running.exited, started]);
  return { exit, output: running.output(), milliseconds: performance.now() - from };
}

async function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  // "close" comes when all of its output is read.
  await once(child, "close");
  return child.exitCode ?? child.signalCode;
}
