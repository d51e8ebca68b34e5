import type { Cell } from "../comparison.ts";
import { MAIN_CALLERS } from "../in-process/contenders.ts";
import type { Results } from "../results.ts";
import { callersOf, kindOf } from "./cells.ts";
import { findTargets } from "./targets.ts";

/** What the page says first. */
export function claimOf(results: Results): string {
  const { inProcess, http } = results;
  const main = oursOf(inProcess).filter(({ callers }) => callers === MAIN_CALLERS);
  const [reads, writes] = [false, true].map((is) =>
    range(main.filter((cell) => kindOf(cell.operation)?.writes === is)),
  );
  const requests = oursOf(http.cells);
  const overHttp = callersOf(requests, false).map(
    (count) => `${range(requests.filter(({ callers }) => callers === count))} at ${count} connections`,
  );
  const targets = findTargets(results);
  const met = targets.filter(({ isMet }) => isMet).length;
  return [
    `**In process** a read has ${reads} of the throughput of the same SQL by hand, and a write ${writes}, at ${MAIN_CALLERS} callers.`,
    `**Over HTTP**, with keys, validation, \`ETag\`s and a log, a request has ${overHttp.join(", and ")}, of the throughput of a bare`,
    `server without them; from the slowest operation to the fastest. **${met} of ${targets.length} targets** are met.`,
  ].join("\n");
}

function oursOf(cells: readonly Cell[]): readonly Cell[] {
  return cells.filter(({ contender, operation }) => contender === "ours" && kindOf(operation)?.pace !== "long");
}

/** From the slowest operation to the fastest. */
function range(cells: readonly Cell[]): string {
  const values = cells.map(({ ratio }) => ratio.perSecond);
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}
