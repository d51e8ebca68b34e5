import type { Comparison, Measurement } from "./comparison.ts";
import type { IdleService } from "./http/idle.ts";
import type { HttpResult } from "./http/run.ts";
import type { Machine } from "./machine.ts";
import { markdownTable } from "./markdown-table.ts";
import { OPERATIONS, type OperationName } from "./operations.ts";

/** All that a run of the bench found; what is recorded. */
export interface Results {
  readonly machine: Machine;
  readonly tasks: number;
  readonly rounds: number;
  readonly concurrency: number;
  readonly connections: number;
  readonly structureStatements: Readonly<Record<string, number>>;
  readonly inProcess: readonly Comparison[];
  readonly http: HttpResult;
  readonly idle: IdleService;
}

/** Requests a second that one process of the Python service answers at 16 connections, as issue 2 has them. */
const PYTHON_SERVICE: Partial<Record<string, number>> = {
  find: 523,
  timerange: 459,
  statistics: 515,
  page: 102,
  create: 302,
  structure8x5: 13,
};

/** The results as a person reads them. */
export function report(results: Results): string {
  const { machine, idle, http } = results;
  const statements = Object.entries(results.structureStatements).map(([size, count]) => `${size} ${count}`);
  return [
    `${machine.cores} cores (${machine.processor}), Node ${machine.node}, PostgreSQL ${machine.postgres}; ` +
      `${results.tasks} tasks, medians of ${results.rounds} rounds (of a third of them where one call is slow)`,
    ...(machine.loadBefore > 0.5 ? [`Other work (load ${machine.loadBefore}) disturbs the figures.`] : []),
    "",
    `In process, ${results.concurrency} callers: the services ÷ hand-written SQL on postgres.js`,
    "",
    inProcessTable(results.inProcess),
    "",
    `Over HTTP, ${results.connections} connections: the service ÷ bare node:http with hand-written SQL`,
    "",
    httpTable(http.comparisons),
    "",
    `Statements for a structure: ${statements.join(", ")}`,
    `The service listens ${idle.startMs.toFixed(0)} ms after its start, and has ${idle.rssMb.toFixed(0)} MB in memory ` +
      `idle, ${http.loadedRssMb.toFixed(0)} MB after the load`,
  ].join("\n");
}

function inProcessTable(comparisons: readonly Comparison[]): string {
  const head = ["operation", "ratio", "CPU ratio", "ours/s", "by hand/s", "ours CPU µs", "by hand CPU µs"];
  const rows = comparisons.map(({ operation, ratio, ours, yardstick }) => [
    title(operation),
    ...ratios(ratio),
    ...[ours, yardstick].map(({ perSecond }) => perSecond.toFixed(0)),
    ...[ours, yardstick].map(({ cpuMs }) => (cpuMs * 1000).toFixed(0)),
  ]);
  return markdownTable(head, rows);
}

function httpTable(comparisons: readonly Comparison[]): string {
  const head = [
    "operation",
    "ratio",
    "CPU ratio",
    "p99 ratio",
    "ours/s",
    "bare/s",
    "ours p50, p99 ms",
    "bare p50, p99 ms",
  ];
  const rows = comparisons.map(({ operation, ratio, ours, yardstick }) => [
    title(operation),
    ...ratios(ratio),
    ratio.p99?.toFixed(2) ?? "",
    ...[ours, yardstick].map(({ perSecond }) => perSecond.toFixed(0)),
    ...[ours, yardstick].map(({ p50, p99 }) => `${p50?.toFixed(1)}, ${p99?.toFixed(1)}`),
    timesPython(operation, ours),
  ]);
  return markdownTable([...head, "× Python service"], rows);
}

function ratios({ perSecond, cpuMs }: Measurement): string[] {
  return [perSecond.toFixed(2), cpuMs.toFixed(2)];
}

function timesPython(operation: string, { perSecond }: Measurement): string {
  const python = PYTHON_SERVICE[operation];
  return python === undefined ? "" : (perSecond / python).toFixed(1);
}

function title(operation: string): string {
  return operation in OPERATIONS ? OPERATIONS[operation as OperationName].title : operation;
}
