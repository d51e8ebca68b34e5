import type { Cell } from "../comparison.ts";
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
