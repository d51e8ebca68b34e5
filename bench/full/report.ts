import { markdownTable } from "../markdown-table.ts";
import type { EstimateResult } from "./estimates.ts";
import type { ExportResult } from "./export.ts";
import type { CallCost, Flatness } from "./flatness.ts";
import type { ImportResult } from "./import.ts";
import type { MemoryUse } from "./memory-watch.ts";
import { FULL_OPERATIONS, type FullOperation } from "./operations.ts";
import type { FullResults } from "./results.ts";

/** The results in Markdown. */
export function report(results: FullResults): string {
  const { machine, smallTasks, largeTasks } = results;
  const parts = [
    `${machine.date}: ${machine.cores} cores (${machine.processor}), ${machine.memoryGb} GB, Node ${machine.node}, ` +
      `PostgreSQL ${machine.postgres} with ${results.sharedBuffersMb} MB of buffers, nothing durable. ` +
      `The small table has ${count(smallTasks)} tasks, the large one ${count(largeTasks)}; a user has 80 in both.`,
    ...(machine.loadBefore > 0.5 ? [`Other load on the machine (${machine.loadBefore}) affected the figures.`] : []),
  ];
  if (results.flatness !== undefined) parts.push(...flatnessParts(results.flatness, largeTasks));
  if (results.estimates !== undefined) parts.push(...estimateParts(results.estimates, largeTasks));
  if (results.export !== undefined) parts.push(...exportParts(results.export));
  if (results.import !== undefined) parts.push(...importParts(results.import));
  return parts.join("\n\n");
}

function flatnessParts({ rounds, operations, deepPageRatio }: Flatness, largeTasks: number): string[] {
  const rows = operations.map(({ operation, small, large, costRatio, serverRatio }) => {
    const { title, target }: FullOperation = FULL_OPERATIONS[operation];
    const both = (value: (cost: CallCost) => string) => `${value(small)}; ${value(large)}`;
    return [
      title,
      target === undefined ? "" : `≤ ${target}`,
      costRatio.toFixed(2),
      serverRatio.toFixed(2),
      both(({ perSecond }) => rounded(perSecond)),
      both(({ p50, p99 }) => `${rounded(p50)}, ${rounded(p99)}`),
      both(({ cpuMs }) => rounded(cpuMs * 1000)),
      both(({ serverMs }) => rounded(serverMs * 1000)),
      both(({ pages, pagesRead }) => `${rounded(pages)} (${rounded(pagesRead)})`),
    ];
  });
  return [
    "### Flat, whatever the size of the table",
    "Cost is the time per call for the caller, large ÷ small. The next column is the execution time in the server alone, which " +
      "grows: the indexes are one or two levels deeper, so more pages are touched, and (an assumption, which was not " +
      "measured) fewer of them are in the CPU's caches. In each pair the small table comes first. " +
      `Medians of ${rounds} rounds (a third of them for pages by number in the middle and exact counts, ` +
      "which have one caller; all others have eight).",
    markdownTable(
      [
        "operation",
        "target",
        "cost",
        "in the server",
        "calls/s",
        "p50, p99 ms",
        "caller's CPU µs",
        "server µs",
        "pages (not in cache)",
      ],
      rows,
    ),
    `A page in the middle, by cursor, takes ${deepPageRatio.large.toFixed(2)} times as long as page 1 on the large table ` +
      `(target ≤ 1.5), where it is page ${count(largeTasks / 200)}, and ${deepPageRatio.small.toFixed(2)} times on the ` +
      "small one.",
  ];
}

function estimateParts(estimates: readonly EstimateResult[], largeTasks: number): string[] {
  const rows = estimates.map(({ filter, exact, estimated, exactMs, estimatedMs }) => [
    filter,
    count(exact),
    count(estimated),
    exact === estimated ? "0" : exact === 0 ? "" : percent(estimated / exact - 1),
    rounded(exactMs),
    rounded(estimatedMs),
  ]);
  return [
    '### `count: "estimated"`',
    `On ${count(largeTasks)} tasks, right after an \`analyze\`.`,
    markdownTable(["filter", "exact", "estimated", "error", "exact ms", "estimated ms"], rows),
    "Up to 1,000 rows the result is exact. The planner assumes that columns are independent; the error shows how far they  " +
      "are not. A filter without an index that selects (almost) nothing reads the whole table, for the page " +
      "and for the total.",
  ];
}

function exportParts({ rows, ours, handwritten, ratio, cpuRatio }: ExportResult): string[] {
  const line = (name: string, run: ExportResult["ours"]) => [
    name,
    rounded((run.rows / run.elapsedMs) * 1000),
    rounded((run.cpuMs * 1000) / run.rows),
    ...memoryCells(run),
  ];
  return [
    "### Export",
    `The newest ${count(rows)} tasks of the large table, read by one consumer that only counts them.`,
    markdownTable(
      ["by", "rows/s", "CPU µs a row", ...MEMORY_HEAD],
      [line("`streamTasks`", ours), line("postgres.js, `cursor(1000)`", handwritten)],
    ),
    `Rows a second, ours ÷ by hand: ${ratio.toFixed(2)}; processor time: ${cpuRatio.toFixed(2)}. Target for the growth ` +
      "after warm-up: ≤ 30 MB.",
  ];
}

function importParts({ rows, sides, ratioToUnnest, ratioToCopy }: ImportResult): string[] {
  const line = (name: string, run: ImportResult["sides"]["ours"]) => [
    name,
    rounded((rows / run.elapsedMs) * 1000),
    rounded((run.cpuMs * 1000) / rows),
    ...memoryCells(run),
  ];
  return [
    "### Import",
    `${count(rows)} new tasks into the small table. The hand-written imports validate nothing, and the database generates the ids.`,
    markdownTable(
      ["by", "rows/s", "CPU µs a row", ...MEMORY_HEAD],
      [
        line("`createTasks`", sides.ours),
        line("by hand, `unnest` of 1,000 rows", sides.unnest),
        line("by hand, `copy`", sides.copy),
      ],
    ),
    `Rows a second, ours ÷ \`unnest\`: ${ratioToUnnest.toFixed(2)}; ours ÷ \`copy\`: ${ratioToCopy.toFixed(2)}. ` +
      "Target: ≥ 0.9 of one of the two.",
  ];
}

const MEMORY_HEAD = ["MB before", "growth in the first tenth", "growth after it"];

function memoryCells({ beforeMb, warmMb, peakMb }: MemoryUse): string[] {
  return [beforeMb, warmMb - beforeMb, peakMb - warmMb].map(rounded);
}

/** Three significant digits: more would be noise. */
function rounded(value: number): string {
  return value === 0 ? "0" : count(Number(value.toPrecision(3)));
}

function count(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 6 });
}

function percent(share: number): string {
  return `${share > 0 ? "+" : "−"}${rounded(Math.abs(share) * 100)} %`;
}
