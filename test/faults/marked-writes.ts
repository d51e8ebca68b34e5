import type { Outcome } from "./outcome.ts";
import type { Tally } from "./tally.ts";

/** What the database holds for one mark. */
export interface Found {
  readonly mark: string;
  /** How many rows have the mark: one, unless something was written twice. */
  readonly times: number;
  /** Whether all that belongs together exists. */
  readonly isWhole: boolean;
}

/** Writes with a unique mark each, so that every one can be found afterwards. */
export class MarkedWrites {
  readonly #outcomes = new Map<string, Outcome>();
  /** The prefix of every mark, and of no other write in the database. */
  readonly prefix = `${crypto.randomUUID()}.`;
  #made = 0;

  newMark(): string {
    return `${this.prefix}${++this.#made}`;
  }

  settled(mark: string, outcome: Outcome): void {
    this.#outcomes.set(mark, outcome);
  }

  compare(rows: readonly Found[], tally: Tally): void {
    const found = new Map(rows.map((row) => [row.mark, row]));
    for (const row of rows) {
      if (!row.isWhole) tally.violate("partial commit", row.mark);
      if (row.times > 1) tally.violate("write done twice", row.mark);
    }
    for (const [mark, outcome] of this.#outcomes) {
      if (outcome === "acknowledged" && !found.has(mark)) tally.violate("acknowledged write lost", mark);
      if (outcome === "refused" && found.has(mark)) tally.violate("refused write found", mark);
    }
  }
}
