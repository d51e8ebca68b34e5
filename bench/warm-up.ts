import type { Plan } from "./plan.ts";

/** A fall to this fraction means that it is still compiling. */
const NOTABLE = 0.95;

/** Compiling goes on in steps, with pauses between them. */
const SETTLED_SLICES = 3;

/**
 * Repeats a slice of calls until its processor time per call no longer falls: until the engine has compiled what
 * will be measured, since services run for days. How many calls that takes grows with the amount of code, so a fixed time would
 * measure how fast a contender warms up.
 *
 * @param slice calls for so many milliseconds, and returns the processor time per call
 */
export async function warmUp(
  slice: (milliseconds: number) => Promise<number>,
  { sliceMs, least, most }: Plan["warmUp"],
): Promise<void> {
  let reached = Number.POSITIVE_INFINITY;
  let sinceFall = 0;
  for (let count = 1; count <= most; count++) {
    const cpuMs = await slice(sliceMs);
    sinceFall++;
    if (cpuMs < reached * NOTABLE) {
      reached = cpuMs;
      sinceFall = 0;
    }
    if (count >= least && sinceFall >= SETTLED_SLICES) return;
  }
}
