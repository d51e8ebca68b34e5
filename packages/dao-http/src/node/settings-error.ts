/** The settings do not say how to run the service, or say what would be unsafe, or cannot be had on this machine. */
export class SettingsError extends Error {
  /** A sentence for each; none shows a secret. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "SettingsError";
    this.problems = problems;
  }
}
