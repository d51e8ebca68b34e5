import type { Cell } from "../comparison.ts";
import { SERVERS } from "../http/contenders.ts";
import { CONTENDERS, MAIN_CALLERS } from "../in-process/contenders.ts";
import { markdownTable } from "../markdown-table.ts";
import { OPERATIONS } from "../operations.ts";
import type { Results } from "../results.ts";
import { callersOf, cellOf, operationsOf, PYTHON_SERVICE } from "./cells.ts";
import { findTargets } from "./targets.ts";

/** Every table, by its name in docs/performance.md. */
export function tablesOf(results: Results): Readonly<Record<string, string>> {
  const { inProcess, http } = results;
  const quick = inProcess.filter(({ operation }) => isQuick(operation));
  const requests = http.cells.filter(({ operation }) => isQuick(operation));
  const main = quick.filter(({ callers }) => callers === MAIN_CALLERS);
  return {
    machine: machineTable(results),
    targets: targetTable(results),
    "in-process": sideBySide(quick, "ours", "postgres", "callers"),
    "in-process-latency": latencies(main, ["ours", "postgres", "pg"], CONTENDERS),
    "contenders-throughput": contenderTable(main, "perSecond"),
    "contenders-cpu": contenderTable(main, "cpuMs"),
    "contenders-latency": latencies(main, ["drizzle", "kysely", "prisma", "mikro-orm", "typeorm"], CONTENDERS),
    "unit-of-work": relation(main, [
      ["ours-unit-of-work", "postgres-transaction"],
      ["ours-unit-of-work", "postgres-context"],
      ["ours-unit-of-work", "ours"],
      ["postgres-transaction", "postgres"],
    ]),
    unprepared: relation(main, [
      ["ours-unprepared", "ours"],
      ["postgres-unprepared", "postgres"],
      ["ours-unprepared", "postgres-unprepared"],
    ]),
    http: sideBySide(requests, "ours", "bare", "connections"),
    ...Object.fromEntries(
      callersOf(http.cells, false).map((connections) => [
        `http-latency-${connections}`,
        latencies(
          requests.filter(({ callers }) => callers === connections),
          ["ours", "bare", "duties", "fastify", "hono"],
          SERVERS,
        ),
      ]),
    ),
    "http-servers": serverTable(requests),
    python: pythonTable(requests),
    long: longTable(results),
    start: startTable(results),
  };
}

function isQuick(operation: string): boolean {
  return operation in OPERATIONS && OPERATIONS[operation as keyof typeof OPERATIONS].pace !== "long";
}

function titleOf(operation: string): string {
  return operation in OPERATIONS ? OPERATIONS[operation as keyof typeof OPERATIONS].title : operation;
}

function machineTable({ machine, versions, tasks, rounds, sliceMs, slowSliceMs, seconds }: Results): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return markdownTable(
    ["what", "which"],
    [
      ["date", machine.date],
      ["processor", `${machine.cores} cores, ${machine.processor}; ${machine.memoryGb} GB; ${machine.platform}`],
      ["load before", String(machine.loadBefore)],
      ["Node", machine.node],
      ["PostgreSQL", machine.postgres],
      ["libraries", libraries.join(", ")],
      ["tasks", tasks.toLocaleString("en")],
      [
        "rounds",
        `${rounds} of ${sliceMs} ms for each contender and operation, over HTTP of ${slowSliceMs} ms, for slow ones every second of ${slowSliceMs} ms; ${seconds} s in all`,
      ],
    ],
  );
}

function targetTable(results: Results): string {
  return markdownTable(
    ["target", "limit", "found", "met"],
    findTargets(results).map(({ target, limit, found, isMet }) => [target, limit, found, isMet ? "yes" : "**no**"]),
  );
}

/** One contender compared with its yardstick, at every concurrency. */
function sideBySide(cells: readonly Cell[], contender: string, yardstick: string, callersName: string): string {
  const concurrencies = callersOf(cells, false);
  const head = concurrencies.flatMap((callers) => [
    `${callers} ${callersName}: throughput`,
    "CPU",
    "p99",
    "ours/s",
    "by hand/s",
  ]);
  const rows = operationsOf(cells).map((operation) => [
    titleOf(operation),
    ...concurrencies.flatMap((callers) => {
      const cell = cellOf(cells, operation, contender, callers);
      const other = cellOf(cells, operation, yardstick, callers);
      return [
        ratio(cell?.ratio.perSecond),
        ratio(cell?.ratio.cpuMs),
        ratio(cell?.ratio.p99),
        perSecond(cell?.measured.perSecond),
        perSecond(other?.measured.perSecond),
      ];
    }),
  ]);
  return markdownTable(["operation", ...head], rows);
}

/** Median and 99th percentile in milliseconds, and CPU in microseconds. */
function latencies(
  cells: readonly Cell[],
  wanted: readonly string[],
  titles: Readonly<Record<string, { readonly title: string }>>,
): string {
  const contenders = wanted.filter((name) => cells.some(({ contender }) => contender === name));
  const rows = operationsOf(cells).map((operation) => [
    titleOf(operation),
    ...contenders.map((contender) => {
      const measured = cells.find((cell) => cell.operation === operation && cell.contender === contender)?.measured;
      if (measured === undefined) return "";
      return `${milliseconds(measured.p50)}, ${milliseconds(measured.p99)}, ${(measured.cpuMs * 1000).toFixed(0)}`;
    }),
  ]);
  const head = contenders.map((name) => titles[name]?.title ?? name);
  return markdownTable(["p50 ms, p99 ms, CPU µs", ...head], rows);
}

const COMPARED = ["ours", "pg", "drizzle", "kysely", "prisma", "mikro-orm", "typeorm"] as const;

/** Every contender's ratio to the yardstick. */
function contenderTable(cells: readonly Cell[], of: "perSecond" | "cpuMs"): string {
  const contenders = COMPARED.filter((name) => cells.some(({ contender }) => contender === name));
  const rows = operationsOf(cells).map((operation) => [
    titleOf(operation),
    ...contenders.map((name) => ratio(cellOf(cells, operation, name, MAIN_CALLERS)?.ratio[of])),
  ]);
  return markdownTable(["operation", ...contenders.map((name) => CONTENDERS[name].title)], rows);
}

/** The ratio of two contenders: throughput and, in parentheses, CPU. */
function relation(cells: readonly Cell[], pairs: readonly (readonly [string, string])[]): string {
  const operations = operationsOf(cells.filter(({ contender }) => contender === pairs[0]?.[0]));
  const rows = operations.map((operation) => [
    titleOf(operation),
    ...pairs.map(([one, other]) => {
      const a = cellOf(cells, operation, one, MAIN_CALLERS)?.ratio;
      const b = cellOf(cells, operation, other, MAIN_CALLERS)?.ratio;
      if (a === undefined || b === undefined) return "";
      return `${ratio(a.perSecond / b.perSecond)} (${ratio(a.cpuMs / b.cpuMs)})`;
    }),
  ]);
  const title = (name: string) => (name in CONTENDERS ? CONTENDERS[name as keyof typeof CONTENDERS].title : name);
  return markdownTable(["throughput (CPU)", ...pairs.map(([one, other]) => `${title(one)} ÷ ${title(other)}`)], rows);
}

function serverTable(cells: readonly Cell[]): string {
  const others = (["ours", "duties", "fastify", "hono"] as const).filter((name) =>
    cells.some(({ contender }) => contender === name),
  );
  const concurrencies = callersOf(cells, false);
  const columns = others.flatMap((name) => concurrencies.map((connections) => ({ name, connections })));
  const rows = operationsOf(cells).map((operation) => [
    titleOf(operation),
    ...columns.map(({ name, connections }) => {
      const cell = cellOf(cells, operation, name, connections);
      return cell === undefined ? "" : `${ratio(cell.ratio.perSecond)} (${ratio(cell.ratio.cpuMs)})`;
    }),
  ]);
  const head = columns.map(({ name, connections }) => `${SERVERS[name].title}, ${connections}`);
  return markdownTable(["throughput (CPU)", ...head], rows);
}

function pythonTable(cells: readonly Cell[]): string {
  const rows = Object.entries(PYTHON_SERVICE).flatMap(([operation, before]) => {
    const now = cellOf(cells, operation, "ours", 16)?.measured.perSecond;
    if (now === undefined) return [];
    return [[titleOf(operation), perSecond(now), String(before), (now / before).toFixed(1)]];
  });
  return markdownTable(["operation, 16 connections", "ours/s", "Python service/s", "ratio"], rows);
}

function longTable({ inProcess, http, importRows, tasks }: Results): string {
  const rows = [
    ...longRows("in process", inProcess, CONTENDERS, importRows, tasks),
    ...longRows("over HTTP", http.cells, SERVERS, importRows, tasks),
  ];
  return markdownTable(
    ["operation", "where", "who", "rows/s", "ratio", "CPU µs a row", "CPU ratio", "memory grew by MB"],
    rows,
  );
}

function longRows(
  where: string,
  cells: readonly Cell[],
  titles: Readonly<Record<string, { readonly title: string }>>,
  importRows: number,
  tasks: number,
): string[][] {
  return cells
    .filter(({ operation }) => !isQuick(operation))
    .map(({ operation, contender, measured, ratio: relative }) => [
      `${operation} of ${(operation === "import" ? importRows : tasks).toLocaleString("en")} tasks`,
      where,
      titles[contender]?.title ?? contender,
      perSecond(measured.perSecond),
      ratio(relative.perSecond),
      (measured.cpuMs * 1000).toFixed(1),
      ratio(relative.cpuMs),
      measured.rssGrowthMb?.toFixed(0) ?? "",
    ]);
}

function startTable({ start, http, loaded: mixed, longAnswers, processes, structureStatements }: Results): string {
  const statements = Object.entries(structureStatements).map(([size, count]) => `${size}: ${count}`);
  const loaded = Object.entries(http.loadedRssMb).map(([name, rssMb]) => `${name} ${rssMb.toFixed(0)}`);
  return markdownTable(
    ["what", "figure"],
    [
      ["import of dao-core, ms", start.imports.daoCoreMs.toFixed(0)],
      ["import of drizzle-orm and postgres alone, ms", start.imports.drizzleAndPostgresMs.toFixed(0)],
      ["ratio of the two", ratio(start.imports.ratio)],
      ["service ready after its process starts, ms", start.readyMs.toFixed(0)],
      ["first result of a function after its process starts, ms", start.coldStartMs.toFixed(0)],
      ["memory of the idle service, MB", start.idleRssMb.toFixed(0)],
      ["most memory under load of the quick routes, MB", loaded.join(", ")],
      ...(mixed === undefined ? [] : [["most memory under load of all routes, MB", mixed.mostRssMb.toFixed(0)]]),
      ...longAnswerRows(longAnswers),
      ...processRows(processes),
      ["statements for a structure", statements.join(", ")],
    ],
  );
}

function longAnswerRows(answers: Results["longAnswers"]): string[][] {
  if (answers === undefined) return [];
  const { firstByteMs, bodiesMb, growthMb } = answers;
  return [
    [
      "first byte of a goal with 100 tasks, and with 10,000, ms",
      `${firstByteMs.few.toFixed(1)}, ${firstByteMs.many.toFixed(1)}`,
    ],
    ["16 of the latter together, and what memory grows by, MB", `${bodiesMb.toFixed(0)}, ${growthMb.toFixed(0)}`],
  ];
}

function processRows(processes: Results["processes"]): string[][] {
  if (processes === undefined) return [];
  const name = "two processes against one";
  if (typeof processes === "string") return [[name, `not measured: ${processes}`]];
  return processes.map((figures) => [`${name}, ${titleOf(figures.operation)}`, ratio(figures.ratio)]);
}

function ratio(value: number | undefined): string {
  return value?.toFixed(2) ?? "";
}

function perSecond(value: number | undefined): string {
  return value?.toFixed(0) ?? "";
}

function milliseconds(value: number): string {
  return value.toFixed(value < 1 ? 2 : 1);
}
