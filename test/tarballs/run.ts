import { type ChildProcess, execFile, spawn } from "node:child_process";
import { dirname, join } from "node:path";

/** How to run a command in a folder. */
export interface RunOptions {
  readonly cwd: string;
  /** The Node.js that runs it, and everything that it starts. Default: this process's. */
  readonly node?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a command printed, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The part of this process's environment that npm needs to reach its registry, without this repository's. */
function environment({ node = process.execPath, env = {} }: RunOptions): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(HOME|TMPDIR|NODE_EXTRA_CA_CERTS|https?_proxy|no_proxy|npm_config_(registry|cache|userconfig|cafile))$/i.test(
      name,
    ),
  );
  return { ...Object.fromEntries(kept), PATH: `${dirname(node)}:${process.env["PATH"]}`, ...env };
}

/** Runs a command to its end, whatever its exit code. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const { cwd } = options;
    const child = execFile(
      command,
      args,
      { cwd, env: environment(options), maxBuffer: 1e8 },
      (error, stdout, stderr) => {
        if (child.exitCode === null) reject(error ?? new Error(`${command} was ended by ${child.signalCode}.`));
        else resolve({ code: child.exitCode, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
}

/** Runs a command that must succeed; returns its output. @throws Error with everything that it printed */
export async function succeed(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** Starts the installed `flux-dao serve`; the caller stops it. */
export function startService(options: RunOptions): ChildProcess {
  // Not by npx, which would not pass the signal on.
  const program = join(options.cwd, "node_modules", ".bin", "flux-dao");
  return spawn(program, ["serve"], {
    cwd: options.cwd,
    env: environment(options),
    stdio: ["ignore", "ignore", "inherit"],
  });
}
