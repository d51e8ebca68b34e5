import type { ParseArgsConfig } from "node:util";

/** The options of a command, by name. */
export type CommandFlags = Readonly<Record<string, string | boolean | undefined>>;

/** A command of `flux-dao`. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The text of `--help`. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /**
   * Runs the command. Resolves with the exit code, or with `undefined` for a command that keeps running, such as a server.
   * @throws UsageError for flags that cannot be combined; SettingsError; DaoError
   */
  run(flags: CommandFlags): Promise<number | undefined>;
}

/** The command was called wrongly. */
export class UsageError extends Error {}
