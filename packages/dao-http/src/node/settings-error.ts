import { distance } from "fastest-levenshtein";

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

/** The name that was probably meant by one that is unknown, at most two letters away. */
export function nearest(unknown: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = 3;
  for (const name of names) {
    if (Math.abs(name.length - unknown.length) >= least) continue;
    const letters = distance(unknown, name);
    if (letters >= least) continue;
    best = name;
    least = letters;
  }
  return best;
}
