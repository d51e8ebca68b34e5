import { markdownTable } from "../../bench/markdown-table.ts";
import type { LongRun } from "../long-runs/long-run.ts";
import type { Experience } from "./failovers.ts";

const HEAD = [
  "writers use",
  "failovers",
  "writes acknowledged",
  "refused",
  "of unknown outcome",
  "takeover, ms: median (maximum)",
  "first writer back after it, ms",
  "last writer back after it, ms",
  "lost",
  "partial",
  "twice",
];

/** Prints what was seen, and records what must not be. */
export function reportFailovers(experiences: readonly Experience[], run: LongRun): void {
  const rows = experiences.map(({ way, tally, takeovers, firstBack, lastBack }) => {
    for (const detail of tally.details) run.violate(detail);
    run.check(tally.refused + tally.unknown > 0, `${way}: no write was hit`);
    const counts = [tally.faults, tally.acknowledged, tally.refused, tally.unknown].map((count) =>
      count.toLocaleString("en"),
    );
    const violations = (["acknowledged write lost", "partial commit", "write done twice"] as const).map((each) =>
      String(tally.countOf(each)),
    );
    return [way, ...counts, ...[takeovers, firstBack, lastBack].map(range), ...violations];
  });
  console.log(`\n${markdownTable(HEAD, rows)}`);
}

/** The median and the maximum. */
function range(values: readonly number[]): string {
  const sorted = values.map(Math.round).sort((one, other) => one - other);
  const [median = 0, largest = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `${median.toLocaleString("en")} (${largest.toLocaleString("en")})`;
}
