import type { Plan } from "./plan.ts";

/** Of the best so far: what falls by less has settled. */
const NOTABLE = 0.95;

/**
 * Repeats a slice of calls until its processor time per call has not fallen for two slices: until the engine has compiled what
 * will be measured, since services run for days. How many calls that takes grows with the amount of code, so a fixed time would
 * measure how fast a contender warms up.
 *
 * @param slice calls for so many milliseconds, and returns the processor time per call
 */
export async function warmUp(
  slice: (milliseconds: number) => Promise<number>,
  { sliceMs, least, most }: Plan["warmUp"],
): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  let sinceBest = 0;
  for (let count = 1; count <= most; count++) {
    const cpuMs = await slice(sliceMs);
    sinceBest = cpuMs < best * NOTABLE ? 0 : sinceBest + 1;
    best = Math.min(best, cpuMs);
    if (count >= least && sinceBest >= 2) return;
  }
}
