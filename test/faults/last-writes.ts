import type { Outcome } from "./outcome.ts";
import type { Tally } from "./tally.ts";

/** Values that are overwritten again and again, each by one worker, so that the last acknowledged one is known. */
export class LastWrites {
  readonly #acknowledged = new Map<string, string>();
  readonly #unknown = new Map<string, Set<string>>();
  readonly #refused = new Map<string, Set<string>>();

  /** @param initial the value at the start, by key */
  constructor(initial: Iterable<readonly [string, string]>) {
    for (const [key, value] of initial) {
      this.#acknowledged.set(key, value);
      this.#unknown.set(key, new Set());
      this.#refused.set(key, new Set());
    }
  }

  settled(key: string, value: string, outcome: Outcome): void {
    if (outcome === "acknowledged") this.#acknowledged.set(key, value);
    // A statement of unknown outcome may still run after later ones have ended.
    if (outcome === "unknown") this.#unknown.get(key)?.add(value);
    if (outcome === "refused") this.#refused.get(key)?.add(value);
  }

  compare(found: ReadonlyMap<string, string>, tally: Tally): void {
    for (const [key, acknowledged] of this.#acknowledged) {
      const value = found.get(key);
      if (value === acknowledged || (value !== undefined && this.#unknown.get(key)?.has(value))) continue;
      const wasRefused = value !== undefined && this.#refused.get(key)?.has(value);
      const detail = `${key} has ${value}, and ${acknowledged} was acknowledged`;
      tally.violate(wasRefused ? "refused write found" : "acknowledged write lost", detail);
    }
  }
}
