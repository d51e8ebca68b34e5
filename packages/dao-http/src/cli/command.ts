import cluster from "node:cluster";
import type { ParseArgsConfig } from "node:util";
import { isDaoError } from "@flux/dao-core/errors";
import { SettingsError } from "../node/settings-error.ts";
import { WorkerError, type WorkerMessage } from "../process/cluster.ts";

export type CommandFlags = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  /** A line for the list of commands. */
  readonly summary: string;
  /** The text of `--help`. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Resolves with the exit code, or with `undefined` for a command that keeps running, such as a server. */
  run(flags: CommandFlags): Promise<number | undefined>;
}

export class UsageError extends Error {}

/** The names in `--schemas`, separated by commas; `undefined` without it. */
export function schemaNames(flag: string | boolean | undefined): string[] | undefined {
  if (typeof flag !== "string") return undefined;
  const names = flag.split(",").map((name) => name.trim());
  if (names.includes("")) throw new UsageError("--schemas must be names, such as 'tenant_*' or a,b,c.");
  return names;
}

/** Writes lines for a person; standard output is for programs: the log, a document, a result. */
export function writeStderr(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** Writes a result. Resolves when all of it is written, or when the reader has closed it, as `head` does. */
export function writeStdout(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    // The callback gets the error; the event needs a listener too.
    stdout.once("error", () => undefined);
    stdout.write(text.endsWith("\n") ? text : `${text}\n`, (error) => {
      if (error == null || isReaderGone(error)) resolve();
      else reject(error);
    });
  });
}

const isReaderGone = (error: Error) => "code" in error && error.code === "EPIPE";

/** Exits with 1: with a sentence if an operator can fix it, with a stack if only a programmer can. */
export function fail(error: unknown): void {
  const lines = explain(error);
  // The main process reports for its workers.
  if (cluster.isWorker && process.connected) {
    const message: WorkerMessage = { kind: "failed", lines };
    process.send?.(message, undefined, undefined, () => process.exit(1));
  } else {
    writeStderr(...lines);
    process.exit(1);
  }
}

function explain(error: unknown): readonly string[] {
  if (error instanceof SettingsError) return error.problems;
  if (error instanceof WorkerError) return error.lines;
  if (isDaoError(error)) return [error.message];
  if (isSystemError(error)) return [`${error.message}.`];
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
}

/** An error of the operating system, such as a file that cannot be written: the message names the file. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "path" in error;
}
