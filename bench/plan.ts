import type { OperationName } from "./operations.ts";

/** How many times as long warming up takes: the more code a contender has, the longer until the engine has compiled it. */
export const WARM_UP = 4;

/** How thoroughly to measure. */
export interface Plan {
  readonly operations: readonly OperationName[];
  /** Who competes in process beside the yardstick; default: all, or all that the short one has. */
  readonly contenders: readonly string[] | undefined;
  /** Just ours and the yardsticks, at one concurrency. */
  readonly isShort: boolean;
  /** Rounds that count, after one that warms up. Many short ones bear noise better than a few long ones. */
  readonly rounds: number;
  /** Milliseconds that each contender has in each round for each operation. */
  readonly sliceMs: number;
  /** Rounds of the long operations, which count all. */
  readonly longRounds: number;
  /** How many tasks are imported. */
  readonly importRows: number;
}
