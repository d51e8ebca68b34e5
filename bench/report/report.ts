import type { Results } from "../results.ts";
import { tablesOf } from "./tables.ts";

/** The results as text for a terminal. */
export function report(results: Results): string {
  const { machine, leftOut } = results;
  return [
    ...(machine.loadBefore > 0.5 ? [`Other load on the machine (${machine.loadBefore}) affects the figures.`] : []),
    ...Object.entries(leftOut).map(([name, reason]) => `Without ${name}. ${reason}`),
    ...Object.entries(tablesOf(results))
      .filter(([, table]) => hasFigures(table))
      .map(([name, table]) => `${name}\n\n${table}`),
  ].join("\n\n");
}

/** Whether there is a row, and a second column. */
function hasFigures(table: string): boolean {
  const [head = "", , row] = table.split("\n");
  return row !== undefined && head.split("|").length > 3;
}
