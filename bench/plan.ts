import type { OperationName } from "./operations.ts";

/** Milliseconds of calls right before each measurement, which do not count: after a pause caches are cold, and connections tested. */
export const SETTLE_MS = 40;

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
  /** The same for the round that does not count, until the engine has compiled what is measured: services run for days. */
  readonly warmUpMs: number;
  /** Rounds of the long operations, all of which count. */
  readonly longRounds: number;
  /** Number of tasks in an import. */
  readonly importRows: number;
}
