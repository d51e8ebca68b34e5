import type { Cell } from "../comparison.ts";
import { OPERATIONS } from "../operations.ts";
import type { Results } from "../results.ts";
import { callersOf, cellOf, kindOf } from "./cells.ts";

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
      ...atLeast(`${where}: reads, throughput`, 0.95, reads, "perSecond"),
      ...atMost(`${where}: reads, CPU`, 1.1, reads, "cpuMs"),
      ...atLeast(`${where}: writes, throughput`, 0.9, writes, "perSecond"),
    ];
  });
  const single = ours.filter(({ callers }) => callers === Math.min(...ours.map((cell) => cell.callers)));
  const structures = single.filter(({ operation }) => operation.startsWith("structure"));
  const updates = single.filter(({ operation }) => operation === "updateMany");
  return [
    ...ofCallers,
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
    ...atLeast("import, in process, against unnest by hand", 0.9, [ours], "perSecond"),
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

function httpTargets({ http }: Results): Target[] {
  const ours = http.cells.filter(({ contender, operation }) => {
    return contender === "ours" && kindOf(operation)?.pace !== "long";
  });
  return callersOf(ours, false).flatMap((connections) => {
    const cells = ours.filter(({ callers }) => callers === connections);
    const large = cells.filter(({ operation }) => operation === "page" || operation.startsWith("structure"));
    const where = `HTTP, ${connections} connections`;
    return [
      ...atLeast(`${where}: every route, throughput`, 0.8, cells, "perSecond"),
      ...atLeast(`${where}: page and structures, throughput`, 0.9, large, "perSecond"),
      ...atMost(`${where}: every route, p99`, 1.3, cells, "p99"),
    ];
  });
}

function startTargets({ start, loaded, processes }: Results): Target[] {
  const figures: [string, number, number | undefined, string][] = [
    ["import of dao-core, against drizzle-orm and postgres alone", 1.5, start.imports.ratio, ""],
    ["service ready after its process starts", 400, start.readyMs, " ms"],
    ["memory of the idle service", 90, start.idleRssMb, " MB"],
    ["most memory of the service under load", 160, loaded?.mostRssMb, " MB"],
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
    limit: "≥ 1.70",
    found: ratio.toFixed(2),
    isMet: ratio >= 1.7,
  }));
}

function atLeast(target: string, limit: number, cells: readonly Cell[], of: "perSecond"): Target[] {
  return worst(target, `≥ ${limit.toFixed(2)}`, cells, of, (value) => value >= limit, -1);
}

function atMost(target: string, limit: number, cells: readonly Cell[], of: "cpuMs" | "p50" | "p99"): Target[] {
  return worst(target, `≤ ${limit.toFixed(2)}`, cells, of, (value) => value <= limit, 1);
}

function worst(
  target: string,
  limit: string,
  cells: readonly Cell[],
  of: "perSecond" | "cpuMs" | "p50" | "p99",
  isGood: (value: number) => boolean,
  direction: 1 | -1,
): Target[] {
  const values = cells
    .map(({ operation, ratio }) => ({ title: kindOf(operation)?.title ?? operation, value: ratio[of] }))
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
