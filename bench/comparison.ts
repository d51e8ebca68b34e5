import { median } from "./median.ts";

/** What one stretch of calls showed. */
export interface Measurement {
  readonly perSecond: number;
  /** Milliseconds of processor time for each operation, of the side under test alone. */
  readonly cpuMs: number;
  /** Milliseconds, where they were looked at. */
  readonly p50?: number;
  readonly p99?: number;
}

/** Ours beside the yardstick: medians of the rounds, and the median of the ratios within each round. */
export interface Comparison {
  readonly operation: string;
  readonly ours: Measurement;
  readonly yardstick: Measurement;
  readonly ratio: Measurement;
}

export type Side = "ours" | "yardstick";

/** What is compared. */
export interface ComparedOperation<Name extends string> {
  readonly name: Name;
  /** Whether it takes part in every third round only. */
  readonly isSlow: boolean;
}

/**
 * Measures every operation on both sides in turn, round after round, so that what else the machine does strikes both
 * alike. The first round warms up and does not count; the sides change places in each.
 */
export async function compare<Name extends string>(
  operations: readonly ComparedOperation<Name>[],
  rounds: number,
  measure: (side: Side, operation: Name, isWarmUp: boolean) => Promise<Measurement>,
): Promise<Comparison[]> {
  const pairs = new Map<Name, Record<Side, Measurement>[]>(operations.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, isSlow } of operations) {
      const isWarmUp = round === 0;
      if (isSlow && !isWarmUp && round % 3 !== 1) continue;
      // Slow ones too change places.
      const oursFirst = (isSlow ? Math.floor(round / 3) : round) % 2 === 0;
      const first = await measure(oursFirst ? "ours" : "yardstick", name, isWarmUp);
      const second = await measure(oursFirst ? "yardstick" : "ours", name, isWarmUp);
      const pair = oursFirst ? { ours: first, yardstick: second } : { ours: second, yardstick: first };
      if (!isWarmUp) pairs.get(name)?.push(pair);
    }
  }
  return [...pairs].map(([name, measured]) => summarize(name, measured));
}

function summarize(operation: string, pairs: readonly Record<Side, Measurement>[]): Comparison {
  return {
    operation,
    ours: medians(pairs.map(({ ours }) => ours)),
    yardstick: medians(pairs.map(({ yardstick }) => yardstick)),
    ratio: medians(pairs.map(({ ours, yardstick }) => ratio(ours, yardstick))),
  };
}

function ratio(ours: Measurement, yardstick: Measurement): Measurement {
  return {
    perSecond: ours.perSecond / yardstick.perSecond,
    cpuMs: ours.cpuMs / yardstick.cpuMs,
    ...(ours.p50 !== undefined && yardstick.p50 !== undefined && { p50: ours.p50 / yardstick.p50 }),
    ...(ours.p99 !== undefined && yardstick.p99 !== undefined && { p99: ours.p99 / yardstick.p99 }),
  };
}

function medians(all: readonly Measurement[]): Measurement {
  const of = (name: keyof Measurement) => all.map((one) => one[name]).filter((value) => value !== undefined);
  const p50 = of("p50");
  const p99 = of("p99");
  return {
    perSecond: median(of("perSecond")),
    cpuMs: median(of("cpuMs")),
    ...(p50.length > 0 && { p50: median(p50) }),
    ...(p99.length > 0 && { p99: median(p99) }),
  };
}
