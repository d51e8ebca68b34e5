import type { OperationName } from "./operations.ts";

/** How thoroughly to measure. */
export interface Plan {
  readonly operations: readonly OperationName[];
  /** Rounds that count, after one that warms up. */
  readonly rounds: number;
  /** Milliseconds that each side has in each round for each operation. */
  readonly sliceMs: number;
}
