import cluster from "node:cluster";
import { isDaoError } from "@flux/dao-core/errors";
import { SettingsError } from "../node/settings-error.ts";
import { WorkerError, type WorkerMessage } from "../process/cluster.ts";
import { forOperators } from "../process/operator-text.ts";
import { isError } from "../wire/realms.ts";
import { type CommandFlags, type CommandOptions, type GivenOptions, UsageError } from "./arguments.ts";

export interface Command extends CommandOptions {
  readonly summary: string;
  readonly usage: string;
  /** Resolves with the exit code, or with `undefined` for a command that keeps running, such as a server. */
  run(flags: CommandFlags, given: GivenOptions): Promise<number | undefined>;
}

/** The options of every command that opens the database, for its usage. */
export const DATABASE_OPTIONS = `  --database-url URL  in place of the variable DATABASE_URL; other users of the machine can see it
  --schema NAME       in place of DB_SCHEMA`;

/** The names in `--schemas`, separated by commas; `undefined` without it. */
export function schemaNames({ schema, schemas }: CommandFlags): string[] | undefined {
  if (typeof schemas !== "string") return undefined;
  if (schema !== undefined) throw new UsageError("--schema and --schemas cannot be combined.");
  const names = schemas.split(",").map((name) => name.trim());
  if (names.includes("")) throw new UsageError("--schemas must be names, such as 'tenant_*' or a,b,c.");
  return names;
}

/** Writes lines for a person; standard output is for programs: the log, a document, a result. */
export function writeStderr(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

export function writeWarnings(warnings: readonly string[]): void {
  writeStderr(...warnings.map((warning) => `Warning: ${warning}`));
}

/** Writes a result. Resolves when all of it is written, or when the reader has closed it, as `head` does. */
export function writeStdout(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    stdout.write(text.endsWith("\n") ? text : `${text}\n`, (error) => {
      if (error == null || isReaderGone(error)) resolve();
      else reject(error);
    });
  });
}

const isReaderGone = (error: Error) => "code" in error && error.code === "EPIPE";

/**
 * Exits with 1, for a wrong call with 2: with a sentence if an operator can fix it, with a stack if only a programmer can.
 * @param given the options that were given in place of variables
 * @param isJson whether to write an object on standard output
 */
export async function fail(error: unknown, given?: GivenOptions, isJson = false): Promise<void> {
  const problems = explain(error).map((line) => withGivenNames(line, given));
  // The main process reports for its workers.
  if (cluster.isWorker && process.connected) {
    const message: WorkerMessage = { kind: "failed", lines: problems };
    process.send?.(message, undefined, undefined, () => process.exit(1));
    return;
  }
  if (isJson) {
    const report = { code: codeOf(error), message: problems.join(" "), problems };
    // On a full disk, which may be the error itself.
    await writeStdout(JSON.stringify({ error: report })).catch(() => writeStderr(...problems));
  } else writeStderr(...problems);
  process.exit(error instanceof UsageError ? 2 : 1);
}

function explain(error: unknown): readonly string[] {
  if (error instanceof SettingsError) return error.problems;
  if (error instanceof WorkerError) return error.lines;
  if (error instanceof UsageError) return [error.message];
  if (isDaoError(error)) return [forOperators(error.message)];
  if (isSystemError(error) && ("path" in error || error.syscall === "write")) return [`${error.message}.`];
  return [isError(error) ? (error.stack ?? error.message) : String(error)];
}

function codeOf(error: unknown): string {
  if (error instanceof SettingsError) return "invalid_settings";
  if (error instanceof UsageError) return "usage";
  if (isDaoError(error)) return error.code;
  return isSystemError(error) ? error.code : "internal_error";
}

/** A sentence about a variable that an option stood for names the option. */
export function withGivenNames(line: string, given: GivenOptions = new Map()): string {
  return line.replace(/\w+/g, (word) => given.get(word) ?? word);
}

/** An error of the operating system, such as a file that cannot be written: the message names the file, or says that the disk is full. */
function isSystemError(error: unknown): error is Error & { readonly code: string; readonly syscall: string } {
  return isError(error) && "syscall" in error && "code" in error;
}
