import { median } from "../median.ts";
import { Child } from "../processes/child.ts";
import type { FullDatabases } from "./databases.ts";
import { FULL_OPERATION_NAMES, FULL_OPERATIONS, type FullOperation, type FullOperationName } from "./operations.ts";
import { forgetServerWork, serverWork } from "./server-work.ts";
import type { FullWorkerCommands, Size } from "./worker.ts";

/** The cost of one call; medians over the rounds. */
export interface CallCost {
  readonly perSecond: number;
  /** Milliseconds of latency. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds of CPU time in the calling process. */
  readonly cpuMs: number;
  /** Milliseconds of execution in the server. */
  readonly serverMs: number;
  /** 8 kB pages that the server touched, and those of them that were not in its buffer cache. */
  readonly pages: number;
  readonly pagesRead: number;
}

/** One operation on the small and on the large table. */
interface FlatnessResult {
  readonly operation: FullOperationName;
  readonly small: CallCost;
  readonly large: CallCost;
  /** Time per call (of all callers together), large ÷ small: the median of the ratios within each round. */
  readonly costRatio: number;
  /** Time in the server, large ÷ small, likewise. */
  readonly serverRatio: number;
}

/** The results of {@link measureFlatness}. */
export interface Flatness {
  readonly rounds: number;
  readonly operations: readonly FlatnessResult[];
  /** Time for a page in the middle, by cursor, ÷ time for page 1, on each table: the median of the ratios by round. */
  readonly deepPageRatio: Readonly<Record<Size, number>>;
}

/** How thoroughly to measure. */
export interface FlatnessPlan {
  /** Rounds that count, after the warm-up. */
  readonly rounds: number;
  readonly sliceMs: number;
}

const WARM_UP_MS = 2000;

/** Measures every operation on both databases in turn, round after round; their order alternates. */
export async function measureFlatness(
  databases: FullDatabases,
  workerFile: string,
  { rounds, sliceMs }: FlatnessPlan,
): Promise<Flatness> {
  const worker = new Child<FullWorkerCommands>(workerFile, { args: [databases.small.url, databases.large.url] });
  const measure = async (size: Size, operation: FullOperationName, milliseconds: number): Promise<CallCost> => {
    const { callers, maxCalls = Number.MAX_SAFE_INTEGER }: FullOperation = FULL_OPERATIONS[operation];
    const { sql } = databases[size];
    await forgetServerWork(sql);
    const slice = await worker.ask("run", { size, operation, callers, milliseconds, maxCalls });
    const work = await serverWork(sql);
    return {
      perSecond: (slice.calls / slice.elapsedMs) * 1000,
      p50: slice.p50,
      p99: slice.p99,
      cpuMs: slice.cpuMs / slice.calls,
      serverMs: work.ms / slice.calls,
      pages: (work.pagesHit + work.pagesRead) / slice.calls,
      pagesRead: work.pagesRead / slice.calls,
    };
  };
  try {
    await worker.ask("prepare", { small: databases.small.samples, large: databases.large.samples });
    const measured = new Map<FullOperationName, Record<Size, CallCost>[]>();
    for (let round = 0; round <= rounds; round++) {
      for (const operation of FULL_OPERATION_NAMES) {
        const { isSlow = false }: FullOperation = FULL_OPERATIONS[operation];
        const isWarmUp = round === 0;
        if (isSlow && !isWarmUp && round % 3 !== 1) continue;
        const milliseconds = isSlow ? 1 : isWarmUp ? WARM_UP_MS : sliceMs;
        const order: readonly [Size, Size] = round % 2 === 0 ? ["small", "large"] : ["large", "small"];
        const first = await measure(order[0], operation, milliseconds);
        const second = await measure(order[1], operation, milliseconds);
        const pair = order[0] === "small" ? { small: first, large: second } : { small: second, large: first };
        if (!isWarmUp) measured.set(operation, [...(measured.get(operation) ?? []), pair]);
      }
    }
    const deepPageRatio = (size: Size) => {
      const first = measured.get("firstPage") ?? [];
      const middle = measured.get("middleByCursor") ?? [];
      return median(first.map((pair, round) => pair[size].perSecond / (middle[round]?.[size].perSecond ?? Number.NaN)));
    };
    return {
      rounds,
      operations: [...measured].map(([operation, pairs]) => summarize(operation, pairs)),
      deepPageRatio: { small: deepPageRatio("small"), large: deepPageRatio("large") },
    };
  } finally {
    await worker.stop();
  }
}

function summarize(operation: FullOperationName, pairs: readonly Record<Size, CallCost>[]): FlatnessResult {
  return {
    operation,
    small: medians(pairs.map(({ small }) => small)),
    large: medians(pairs.map(({ large }) => large)),
    costRatio: median(pairs.map(({ small, large }) => small.perSecond / large.perSecond)),
    serverRatio: median(pairs.map(({ small, large }) => large.serverMs / small.serverMs)),
  };
}

function medians(costs: readonly CallCost[]): CallCost {
  const of = (name: keyof CallCost) => median(costs.map((cost) => cost[name]));
  return {
    perSecond: of("perSecond"),
    p50: of("p50"),
    p99: of("p99"),
    cpuMs: of("cpuMs"),
    serverMs: of("serverMs"),
    pages: of("pages"),
    pagesRead: of("pagesRead"),
  };
}
