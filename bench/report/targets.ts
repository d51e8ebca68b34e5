import type { Cell, Ratio } from "../comparison.ts";
import { MAIN_CALLERS } from "../in-process/contenders.ts";
import { OPERATIONS } from "../operations.ts";
import type { Results } from "../results.ts";
import { callersOf, cellOf, kindOf, PYTHON_SERVICE, quotients } from "./cells.ts";

/** A target of the project, and the measured value. */
export interface Target {
  readonly target: string;
  readonly limit: string;
  /** The value; of several the worst, and which ones miss the limit. */
  readonly found: string;
  readonly isMet: boolean;
}

/** Every target that the run has figures for. */
export function findTargets(results: Results): Target[] {
  return [...inProcessTargets(results.inProcess), ...httpTargets(results), ...startTargets(results)];
}

function inProcessTargets(all: readonly Cell[]): Target[] {
  const ours = all.filter(({ contender, operation }) => contender === "ours" && kindOf(operation)?.pace !== "long");
  const ofCallers = callersOf(all, false).flatMap((callers) => {
    const cells = ours.filter((cell) => cell.callers === callers);
    const reads = cells.filter(({ operation }) => kindOf(operation)?.writes === false);
    const writes = cells.filter(({ operation }) => kindOf(operation)?.writes === true);
    const where = `in process, ${callers} ${callers === 1 ? "caller" : "callers"}`;
    return [
      ...atLeast(`${where}: reads, throughput`, 1, reads),
      ...atMost(`${where}: reads, CPU`, 1, reads, "cpuMs"),
      ...atLeast(`${where}: writes, throughput`, 0.95, writes),
    ];
  });
  const deep = ours.filter(({ operation }) => operation === "pageDeep");
  const bulk = ours.filter(({ operation }) => operation === "bulk" || operation === "updateMany");
  const single = ours.filter(({ callers }) => callers === Math.min(...ours.map((cell) => cell.callers)));
  const structures = single.filter(({ operation }) => operation.startsWith("structure"));
  const updates = single.filter(({ operation }) => operation === "updateMany");
  return [
    ...ofCallers,
    ...callersOf(deep, false).flatMap((callers) =>
      atLeast(
        `deep page by number, with total, ${callers} ${callers === 1 ? "caller" : "callers"}`,
        0.95,
        deep.filter((cell) => cell.callers === callers),
      ),
    ),
    ...atLeast("prepare: false, against prepared", 0.6, quotients(all, "ours-unprepared", "ours", MAIN_CALLERS)),
    ...atLeast(
      "unit of work, against BEGIN … COMMIT by hand",
      1,
      quotients(all, "ours-unit-of-work", "postgres-transaction", MAIN_CALLERS),
    ),
    ...atMost(
      "bulk updates, CPU",
      1.5,
      bulk.filter(({ callers }) => callers === MAIN_CALLERS),
      "cpuMs",
    ),
    ...atMost("structure against a hand-written CTE, time", 1.1, structures, "p50"),
    ...atMost("1,000 updates that differ, against hand-written SQL, time", 1.2, updates, "p50"),
    ...cursorTarget(single),
    ...longTargets(all),
  ];
}

function cursorTarget(single: readonly Cell[]): Target[] {
  const first = single.find(({ operation }) => operation === "pageUncounted")?.measured.p50;
  const last = single.find(({ operation }) => operation === "pageCursor")?.measured.p50;
  if (first === undefined || last === undefined) return [];
  const value = last / first;
  const target = `${OPERATIONS.pageCursor.title}, against page 1, time`;
  return [{ target, limit: "≤ 1.50", found: value.toFixed(2), isMet: value <= 1.5 }];
}

/** Growth above this is not flat. */
const FLAT_MB = 64;

function longTargets(all: readonly Cell[]): Target[] {
  const ours = cellOf(all, "import", "ours", 1);
  const copy = cellOf(all, "import", "postgres-copy", 1);
  if (ours === undefined) return [];
  const growth = ours.measured.rssGrowthMb ?? Number.NaN;
  return [
    ...atLeast("import, in process, against unnest by hand", 1, [ours]),
    ...atMost("import, in process, CPU of a row against unnest by hand", 1.5, [ours], "cpuMs"),
    ...(copy === undefined
      ? []
      : single("import, in process, against COPY by hand", 0.9, ours.ratio.perSecond / copy.ratio.perSecond)),
    {
      target: "import, in process, memory grows by",
      limit: `flat: ≤ ${FLAT_MB} MB`,
      found: `${growth.toFixed(0)} MB`,
      isMet: growth <= FLAT_MB,
    },
  ];
}

function single(target: string, limit: number, value: number): Target[] {
  return [{ target, limit: `≥ ${limit.toFixed(2)}`, found: value.toFixed(2), isMet: value >= limit }];
}

/** Not below it, but for the noise of a run. */
const FASTIFY = 0.95;

function httpTargets({ http }: Results): Target[] {
  const ours = http.cells.filter(({ contender, operation }) => {
    return contender === "ours" && kindOf(operation)?.pace !== "long";
  });
  const page = cellOf(ours, "page", "ours", 16);
  return [
    ...callersOf(ours, false).flatMap((connections) => {
      const cells = ours.filter(({ callers }) => callers === connections);
      const where = `HTTP, ${connections} connections: every route`;
      return [
        ...atLeast(`${where}, throughput`, 0.9, cells),
        ...atLeast(
          `${where}, against Fastify with schemas`,
          FASTIFY,
          quotients(http.cells, "ours", "fastify", connections),
        ),
        ...atMost(`${where}, CPU`, 1.3, cells, "cpuMs"),
        ...atMost(`${where}, p99`, 1.3, cells, "p99"),
      ];
    }),
    ...(page === undefined
      ? []
      : single("page of 100 over HTTP, against the Python service", 10, page.measured.perSecond / PYTHON_SERVICE.page)),
  ];
}

function startTargets({ start, loaded, longAnswers, processes }: Results): Target[] {
  const figures: [string, number, number | undefined, string][] = [
    ["import of dao-core, against drizzle-orm and postgres alone", 0.8, start.imports.ratio, ""],
    ["service ready after its process starts", 200, start.readyMs, " ms"],
    ["first result of a serverless function after its process starts", 300, start.coldStartMs, " ms"],
    ["memory of the idle service", 70, start.idleRssMb, " MB"],
    ["most memory of the service under load", 150, loaded?.mostRssMb, " MB"],
    ["first byte of a goal with 10,000 tasks, against one with 100, time", 1.5, longAnswers?.ratio, ""],
    // What the responses that are not sent yet may hold, in MiB.
    ["16 of them together, memory grows by", (64 * 1_048_576) / 1e6, longAnswers?.growthMb, " MB"],
  ];
  return [
    ...figures.flatMap(([target, limit, value, unit]) => {
      if (value === undefined) return [];
      const digits = unit === "" ? 2 : 0;
      const text = (figure: number) => `${figure.toFixed(digits)}${unit}`;
      return [{ target, limit: `≤ ${text(limit)}`, found: text(value), isMet: value <= limit }];
    }),
    ...processTargets(processes),
  ];
}

function processTargets(processes: Results["processes"]): Target[] {
  if (processes === undefined || typeof processes === "string") return [];
  return processes.map(({ operation, ratio }) => ({
    target: `two processes against one, ${operation}`,
    limit: "≥ 1.90",
    found: ratio.toFixed(2),
    isMet: ratio >= 1.9,
  }));
}

type Figures = readonly Pick<Cell, "operation" | "ratio">[];

function atLeast(target: string, limit: number, cells: Figures): Target[] {
  return worst(target, `≥ ${limit.toFixed(2)}`, cells, "perSecond", (value) => value >= limit, -1);
}

function atMost(target: string, limit: number, cells: Figures, of: "cpuMs" | "p50" | "p99"): Target[] {
  return worst(target, `≤ ${limit.toFixed(2)}`, cells, of, (value) => value <= limit, 1);
}

function worst(
  target: string,
  limit: string,
  cells: Figures,
  of: keyof Ratio,
  isGood: (value: number) => boolean,
  direction: 1 | -1,
): Target[] {
  const values = cells
    .map(({ operation, ratio }) => ({
      title: kindOf(operation)?.title ?? operation,
      value: Number(ratio[of].toFixed(2)),
    }))
    .sort((a, b) => direction * (b.value - a.value));
  const missed = values.filter(({ value }) => !isGood(value));
  const [first] = values;
  if (first === undefined) return [];
  const text = ({ title, value }: { title: string; value: number }) => `${title} ${value.toFixed(2)}`;
  const found =
    missed.length === 0
      ? `worst: ${text(first)}`
      : `${values.length - missed.length} of ${values.length}; not ${missed.map(text).join(", ")}`;
  return [{ target, limit, found: values.length === 1 ? first.value.toFixed(2) : found, isMet: missed.length === 0 }];
}
