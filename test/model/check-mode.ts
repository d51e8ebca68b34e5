import fc from "fast-check";
import { concurrentProperty } from "./concurrent.ts";
import { sequentialProperty } from "./sequential.ts";
import { Tally } from "./tally.ts";
import type { World } from "./world.ts";

export const MODES = ["sequential", "concurrent"] as const;
export type Mode = (typeof MODES)[number];

export interface CheckOptions {
  readonly seed: number;
  readonly sequences: number;
  /** The sequence to begin with, to repeat a failure. */
  readonly path?: string | undefined;
  /** Whether to look for a smaller counterexample. Default: yes. */
  readonly isShrunk?: boolean;
  readonly onSequence?: () => void;
}

export interface CheckResult {
  readonly tally: Tally;
  readonly sequences: number;
  /** The counterexample and the path of its sequence, if there is one. */
  readonly failure: { readonly report: string; readonly path: string } | undefined;
}

/** Checks random sequences in one mode on one database. */
export async function checkMode(world: World, mode: Mode, options: CheckOptions): Promise<CheckResult> {
  const { seed, sequences, path, isShrunk = true, onSequence } = options;
  const tally = new Tally();
  const parameters = {
    seed,
    numRuns: sequences,
    endOnFailure: !isShrunk,
    ...(path !== undefined && { path }),
  };
  const result =
    mode === "sequential"
      ? await fc.check(
          sequentialProperty(world, tally).afterEach(() => onSequence?.()),
          parameters,
        )
      : await fc.check(
          concurrentProperty(world, tally).afterEach(() => onSequence?.()),
          parameters,
        );
  if (!result.failed) return { tally, sequences: result.numRuns, failure: undefined };
  const error = result.errorInstance;
  const wrong =
    error instanceof Error ? (error.name === "Counterexample" ? error.message : error.stack) : String(error);
  const report = `${fc.stringify(result.counterexample)}\n\n${wrong}`;
  const [failed = ""] = (result.counterexamplePath ?? "").split(":");
  return { tally, sequences: result.numRuns, failure: { report, path: failed } };
}
