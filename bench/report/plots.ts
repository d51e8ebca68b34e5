import type { Cell } from "../comparison.ts";
import { CONNECTIONS } from "../http/contenders.ts";
import { CONTENDERS, MAIN_CALLERS } from "../in-process/contenders.ts";
import { OPERATIONS, type OperationName } from "../operations.ts";
import type { Results } from "../results.ts";
import { drawBarChart } from "./bar-chart.ts";
import { cellOf, kindOf, operationsOf } from "./cells.ts";

const ORMS = ["ours", "pg", "drizzle", "kysely", "prisma", "mikro-orm", "typeorm"] as const;
/** The operations that ORMs support too. */
const READS: readonly OperationName[] = ["find", "timerange", "statistics", "page", "pageDeep", "full"];
const WRITES: readonly OperationName[] = ["create", "update", "bulk", "structure8x5", "structure20x50"];

/** The plots of docs/performance.md, by file name without the extension. */
export function drawPlots({ inProcess, http }: Results): Readonly<Record<string, string>> {
  const main = inProcess.filter(({ callers }) => callers === MAIN_CALLERS);
  const quick = operationsOf(main.filter(({ operation }) => kindOf(operation)?.pace === "quick"));
  const ratios = (cells: readonly Cell[], name: string, callers: number) =>
    quick.map((operation) => cellOf(cells, operation, name, callers)?.ratio.perSecond);
  return {
    summary: drawBarChart({
      title: "Throughput ÷ by hand",
      groups: quick.map((operation) => OPERATIONS[operation].title),
      series: [
        { title: `ours in process, ${MAIN_CALLERS} callers`, values: ratios(inProcess, "ours", MAIN_CALLERS) },
        ...CONNECTIONS.map((count) => ({
          title: `ours over HTTP, ${count} connections`,
          values: ratios(http.cells, "ours", count),
        })),
      ],
      max: 1.25,
      mark: 1,
    }),
    reads: contenders(`Reads, ${MAIN_CALLERS} callers: throughput ÷ postgres.js by hand`, main, READS),
    writes: contenders(`Writes, ${MAIN_CALLERS} callers: throughput ÷ postgres.js by hand`, main, WRITES),
  };
}

function contenders(title: string, cells: readonly Cell[], operations: readonly OperationName[]): string {
  const present = operations.filter((name) => cells.some(({ operation }) => operation === name));
  return drawBarChart({
    title,
    groups: present.map((name) => OPERATIONS[name].title),
    series: ORMS.filter((name) => cells.some(({ contender }) => contender === name)).map((name) => ({
      title: CONTENDERS[name].title,
      values: present.map((operation) => cellOf(cells, operation, name, MAIN_CALLERS)?.ratio.perSecond),
    })),
    max: 1.25,
    mark: 1,
  });
}
