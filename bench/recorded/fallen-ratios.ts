import type { Cell } from "../comparison.ts";
import type { Results } from "../results.ts";

/** A throughput of ours that is far below the recorded one, both relative to the yardstick. */
export interface FallenRatio {
  readonly where: "in process" | "over HTTP";
  readonly operation: string;
  readonly now: number;
  readonly before: number;
}

/** Below this share of the recorded ratio, noise is no explanation. */
const LIMIT = 0.5;

/** Our ratios that are below half of the recorded ones at the same concurrency. */
export function findFallenRatios(now: Results, recorded: Results): FallenRatio[] {
  return [
    ...fallen("in process", now.inProcess, recorded.inProcess),
    ...fallen("over HTTP", now.http.cells, recorded.http.cells),
  ];
}

function fallen(where: FallenRatio["where"], now: readonly Cell[], recorded: readonly Cell[]): FallenRatio[] {
  return now.flatMap(({ operation, contender, callers, ratio }) => {
    const before = recorded.find(
      (cell) => cell.operation === operation && cell.contender === contender && cell.callers === callers,
    );
    if (contender !== "ours" || before === undefined) return [];
    if (ratio.perSecond >= LIMIT * before.ratio.perSecond) return [];
    return [{ where, operation, now: ratio.perSecond, before: before.ratio.perSecond }];
  });
}
