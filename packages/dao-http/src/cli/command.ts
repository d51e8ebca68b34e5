import type { ParseArgsConfig } from "node:util";

/** The options of a command that its caller gave, by name. */
export type CommandFlags = Readonly<Record<string, string | boolean | undefined>>;

/** A command of `flux-dao`. */
export interface Command {
  /** A line for the list of commands. */
  readonly summary: string;
  /** What `--help` says of it. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /**
   * Runs it. The exit code is what it resolves with; a command that goes on, as a server does, resolves with `undefined`.
   * @throws UsageError for flags that do not go together; SettingsError; DaoError
   */
  run(flags: CommandFlags): Promise<number | undefined>;
}

/** The command was called wrongly. */
export class UsageError extends Error {}
