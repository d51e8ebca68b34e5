import type { OperationName } from "./operations.ts";

/** Factor for the duration of the warm-up: the more code a contender has, the longer the engine takes to compile it. */
export const WARM_UP = 4;

/** How thoroughly to measure. */
export interface Plan {
  readonly operations: readonly OperationName[];
  /** Contenders in process besides the yardstick; default: all, or all of the short run. */
  readonly contenders: readonly string[] | undefined;
  /** Only ours and the yardsticks, at one concurrency. */
  readonly isShort: boolean;
  /** Rounds that count, after the warm-up. Many short ones are less sensitive to noise than a few long ones. */
  readonly rounds: number;
  /** Milliseconds per contender, round and operation. */
  readonly sliceMs: number;
  /** Rounds of the long operations, all of which count. */
  readonly longRounds: number;
  /** Number of tasks in an import. */
  readonly importRows: number;
}
