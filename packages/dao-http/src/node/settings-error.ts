/** The settings are incomplete or unsafe, or not possible on this machine. */
export class SettingsError extends Error {
  /** One sentence each, without secrets. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "SettingsError";
    this.problems = problems;
  }
}
