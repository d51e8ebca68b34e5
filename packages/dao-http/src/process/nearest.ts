import { distance } from "fastest-levenshtein";

/** The name that was probably meant by one that is unknown, at most two letters away. */
export function nearest(unknown: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = 3;
  for (const name of names) {
    const letters = distance(unknown, name);
    if (letters >= least) continue;
    best = name;
    least = letters;
  }
  return best;
}
