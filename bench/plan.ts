import { OPERATIONS, type OperationName } from "./operations.ts";

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
  /**
   * The same of slow operations, a call of which takes about as long as a slice of quick ones, and of all over HTTP: right after a pause
   * a server takes up to a fifth more processor time for a request, and the more code it has, the more.
   */
  readonly slowSliceMs: number;
  /** The round that does not count: milliseconds of a slice, and how many slices at least and at most per contender and operation. */
  readonly warmUp: { readonly sliceMs: number; readonly least: number; readonly most: number };
  /** Rounds of the long operations, all of which count. */
  readonly longRounds: number;
  /** Number of tasks in an import. */
  readonly importRows: number;
}

/** @returns milliseconds */
export function sliceOf(operation: OperationName, { sliceMs, slowSliceMs }: Plan): number {
  return OPERATIONS[operation].pace === "slow" ? slowSliceMs : sliceMs;
}
