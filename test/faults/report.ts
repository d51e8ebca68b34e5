import { markdownTable } from "../../bench/markdown-table.ts";
import { type Tally, VIOLATIONS } from "./tally.ts";

/** A row for each workload and fault, and one for the total. */
export function groupTable(groups: ReadonlyMap<string, Tally>, total: Tally): string {
  const head = ["work", "fault", "faults", "done", "refused", "unknown", "slowest call", "serves after", "violations"];
  const row = (key: string, tally: Tally) => [
    ...key.split("|"),
    ...[tally.faults, tally.acknowledged, tally.refused, tally.unknown].map((count) => count.toLocaleString("en")),
    `${Math.round(tally.slowestCall)} ms`,
    `${Math.round(tally.slowestRecovery)} ms`,
    String(tally.violationCount),
  ];
  return markdownTable(head, [...[...groups].map(([key, tally]) => row(key, tally)), row("all|", total)]);
}

/** The counts that must be zero. */
export function violationTable(total: Tally): string {
  return markdownTable(
    ["must not happen", "count"],
    VIOLATIONS.map((violation) => [violation, String(total.countOf(violation))]),
  );
}
