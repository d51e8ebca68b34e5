import { OPERATIONS, type OperationName } from "./operations.ts";

/** How thoroughly to measure. */
export interface Plan {
  readonly operations: readonly OperationName[];
  /** Rounds that count, after one that warms up. Many short ones bear noise better than a few long ones. */
  readonly rounds: number;
  /** Milliseconds that each side has in each round for each operation. */
  readonly sliceMs: number;
}

export function comparedOperations({ operations }: Plan) {
  return operations.map((name) => ({ name, isSlow: OPERATIONS[name].isSlow }));
}
