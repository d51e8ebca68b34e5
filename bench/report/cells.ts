import type { Cell, Ratio } from "../comparison.ts";
import { OPERATIONS, type OperationKind, type OperationName } from "../operations.ts";

/** The cell of an operation, a contender and a concurrency, if it was measured. */
export function cellOf(
  cells: readonly Cell[],
  operation: string,
  contender: string,
  callers: number,
): Cell | undefined {
  return cells.find((cell) => cell.operation === operation && cell.contender === contender && cell.callers === callers);
}

/** The operations of these cells, in the order of the tables. */
export function operationsOf(cells: readonly Cell[]): OperationName[] {
  const names = new Set(cells.map(({ operation }) => operation));
  return (Object.keys(OPERATIONS) as OperationName[]).filter((name) => names.has(name));
}

/** The concurrencies of the cells whose operations have this pace, in ascending order. */
export function callersOf(cells: readonly Cell[], isLong: boolean): number[] {
  const those = cells.filter(({ operation }) => isLong === (kindOf(operation)?.pace === "long"));
  return [...new Set(those.map(({ callers }) => callers))].sort((a, b) => a - b);
}

/** `undefined` for an operation that the bench no longer has. */
export function kindOf(operation: string): OperationKind | undefined {
  return operation in OPERATIONS ? OPERATIONS[operation as OperationName] : undefined;
}

/** One contender relative to another, at every operation of both. */
export function quotients(
  cells: readonly Cell[],
  one: string,
  other: string,
  callers: number,
): readonly Pick<Cell, "operation" | "ratio">[] {
  return operationsOf(cells).flatMap((operation) => {
    const a = cellOf(cells, operation, one, callers)?.ratio;
    const b = cellOf(cells, operation, other, callers)?.ratio;
    if (a === undefined || b === undefined) return [];
    const of = (name: keyof Ratio) => a[name] / b[name];
    return [{ operation, ratio: { perSecond: of("perSecond"), cpuMs: of("cpuMs"), p50: of("p50"), p99: of("p99") } }];
  });
}

/** Requests per second of one process of the Python service at 16 connections. */
export const PYTHON_SERVICE = { find: 523, timerange: 459, statistics: 515, page: 102, create: 302, structure8x5: 13 };
