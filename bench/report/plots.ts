import type { Cell } from "../comparison.ts";
import { CONNECTIONS, SERVERS } from "../http/contenders.ts";
import { CONTENDERS, MAIN_CALLERS } from "../in-process/contenders.ts";
import { OPERATIONS, type OperationName } from "../operations.ts";
import type { Results } from "../results.ts";
import { drawBarChart } from "./bar-chart.ts";
import { callersOf, cellOf, kindOf, operationsOf } from "./cells.ts";

const ORMS = ["ours", "pg", "drizzle", "kysely", "prisma", "mikro-orm", "typeorm"] as const;
/** The operations that ORMs support too. */
const READS: readonly OperationName[] = ["find", "timerange", "statistics", "page", "pageDeep", "full"];
const WRITES: readonly OperationName[] = ["create", "update", "bulk", "structure8x5", "structure20x50"];

/** The plots of docs/performance.md, by file name without the extension. */
export function drawPlots({ inProcess, http }: Results): Readonly<Record<string, string>> {
  const main = inProcess.filter(({ callers }) => callers === MAIN_CALLERS);
  const callers = callersOf(inProcess, false);
  return {
    reads: contenders(`Reads, ${MAIN_CALLERS} callers: throughput ÷ postgres.js by hand`, main, READS),
    writes: contenders(`Writes, ${MAIN_CALLERS} callers: throughput ÷ postgres.js by hand`, main, WRITES),
    callers: drawBarChart({
      title: "Ours ÷ postgres.js by hand, throughput by callers at once",
      groups: quickOf(inProcess).map((operation) => OPERATIONS[operation].title),
      series: callers.map((count) => ({
        title: count === 1 ? "1 caller" : `${count} callers`,
        values: quickOf(inProcess).map((name) => cellOf(inProcess, name, "ours", count)?.ratio.perSecond),
      })),
      max: 1.5,
      mark: 1,
    }),
    ...Object.fromEntries(CONNECTIONS.map((count) => [`http-${count}`, servers(http.cells, count)])),
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

function servers(cells: readonly Cell[], connections: number): string {
  const those = cells.filter(({ callers }) => callers === connections);
  const groups = quickOf(those);
  return drawBarChart({
    title: `HTTP, ${connections} connections: throughput ÷ bare node:http with SQL by hand`,
    groups: groups.map((operation) => OPERATIONS[operation].title),
    series: (["ours", "fastify", "hono"] as const)
      .filter((name) => those.some(({ contender }) => contender === name))
      .map((name) => ({
        title: SERVERS[name].title,
        values: groups.map((operation) => cellOf(those, operation, name, connections)?.ratio.perSecond),
      })),
    max: 1.25,
    mark: 1,
  });
}

function quickOf(cells: readonly Cell[]): OperationName[] {
  return operationsOf(cells.filter(({ operation }) => kindOf(operation)?.pace !== "long"));
}
