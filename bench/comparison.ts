import { median } from "./median.ts";

/** The measurement of one slice of calls. */
export interface Measurement {
  /** Operations per second; rows per second for long operations. */
  readonly perSecond: number;
  /** Milliseconds of CPU time per operation, of the contender's process alone. */
  readonly cpuMs: number;
  /** Latency percentiles in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Megabytes by which the process grew at most during a long operation. */
  readonly rssGrowthMb?: number;
}

/** A contender's measurement relative to the yardstick of the same round. */
export type Ratio = Pick<Measurement, "perSecond" | "cpuMs" | "p50" | "p99">;

/** One contender at one operation: medians of the rounds, and medians of the ratios within each round. */
export interface Cell {
  readonly operation: string;
  readonly contender: string;
  /** Concurrent callers, or connections. */
  readonly callers: number;
  readonly measured: Measurement;
  readonly ratio: Ratio;
}

/** An operation and its contenders, the yardstick first. */
export interface Contest<Operation extends string, Contender extends string> {
  readonly operation: Operation;
  /** Whether it is measured in every second round only, starting with the first. */
  readonly isSlow: boolean;
  readonly contenders: readonly Contender[];
}

/**
 * Measures every contender at every operation in turn, round after round, so that other load on the machine affects all
 * alike. The order changes with each round. The warm-up round does not count.
 */
export async function compare<Operation extends string, Contender extends string>(
  contests: readonly Contest<Operation, Contender>[],
  { rounds, callers, warmsUp }: { readonly rounds: number; readonly callers: number; readonly warmsUp: boolean },
  measure: (contender: Contender, operation: Operation, isWarmUp: boolean) => Promise<Measurement>,
): Promise<Cell[]> {
  const measured = new Map<Contest<Operation, Contender>, Map<Contender, Measurement>[]>();
  for (let round = warmsUp ? 0 : 1; round <= rounds; round++) {
    for (const contest of contests) {
      const isWarmUp = round === 0;
      if (contest.isSlow && !isWarmUp && round % 2 !== 1) continue;
      const results = new Map<Contender, Measurement>();
      // Slow operations rotate as well.
      for (const contender of reordered(contest.contenders, contest.isSlow ? Math.floor(round / 2) : round)) {
        results.set(contender, await measure(contender, contest.operation, isWarmUp));
      }
      if (!isWarmUp) measured.set(contest, [...(measured.get(contest) ?? []), results]);
    }
  }
  return [...measured].flatMap(([{ operation, contenders }, results]) =>
    contenders.map((contender) => summarize(operation, contender, contenders[0], callers, results)),
  );
}

/** Rotates the order with each round, and reverses every second one. */
function reordered<Item>(items: readonly Item[], round: number): Item[] {
  const start = round % items.length;
  const rotated = [...items.slice(start), ...items.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}

function summarize<Contender extends string>(
  operation: string,
  contender: Contender,
  yardstick: Contender | undefined,
  callers: number,
  rounds: readonly ReadonlyMap<Contender, Measurement>[],
): Cell {
  const own: Measurement[] = [];
  const ratios: Ratio[] = [];
  for (const round of rounds) {
    const one = round.get(contender);
    const other = yardstick === undefined ? undefined : round.get(yardstick);
    if (one === undefined || other === undefined) continue;
    own.push(one);
    ratios.push({
      perSecond: one.perSecond / other.perSecond,
      cpuMs: one.cpuMs / other.cpuMs,
      p50: one.p50 / other.p50,
      p99: one.p99 / other.p99,
    });
  }
  const growth = own.map(({ rssGrowthMb }) => rssGrowthMb).filter((value) => value !== undefined);
  const measured = { ...medians(own), ...(growth.length > 0 && { rssGrowthMb: median(growth) }) };
  return { operation, contender, callers, measured, ratio: medians(ratios) };
}

function medians(all: readonly Ratio[]): Ratio {
  const of = (name: keyof Ratio) => median(all.map((one) => one[name]));
  return { perSecond: of("perSecond"), cpuMs: of("cpuMs"), p50: of("p50"), p99: of("p99") };
}
