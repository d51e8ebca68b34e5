import { markdownTable } from "../../bench/markdown-table.ts";
import type { LongRun } from "../long-runs/long-run.ts";
import { type Arena, openArena, WORKLOADS, type Workload } from "./arena.ts";
import { type ReadyWatch, watchReady } from "./health-watch.ts";
import type { LoadResult } from "./load.ts";
import type { Memory } from "./report-memory.ts";

/** The share of the peak throughput that must remain at `TIMES` times the saturating load. */
const SHARE = 0.8;
const TIMES = 4;
/** Connections for 4 times the rate: more than are processed (128) and queued (1,000). */
const CONNECTIONS = 2_000;
const POOL_SIZE = 10;
const WRITE_MS = 10;
const SATURATING_MS = 5_000;
const CROWD_MS = 5_000;
const OVERLOAD_MS = 20_000;

interface Round {
  readonly peak: LoadResult;
  /** 4 times the connections, each of which sends its next request as soon as it has the response. */
  readonly crowd: LoadResult;
  /** 4 times the requests a second, whether earlier ones have got their responses or not. */
  readonly overload: LoadResult;
  readonly ready: ReadyWatch;
  readonly memory: Memory;
}

const perSecond = ({ successesInTime, elapsedMs }: LoadResult) => (successesInTime / elapsedMs) * 1_000;

/** The number of connections that saturates the service in a closed loop: doubling it gains less than 5 %. */
async function findSaturation(arena: Arena, workload: Workload): Promise<number> {
  let best = { connections: 4, rate: 0 };
  for (let connections = 4; connections <= 128; connections *= 2) {
    const rate = perSecond(await arena.load(workload, { connections, milliseconds: 3_000 }));
    console.log(`${workload}: ${connections} connections, ${Math.round(rate)} a second`);
    if (rate > best.rate * 1.05) best = { connections, rate };
  }
  return best.connections;
}

async function playRound(arena: Arena, workload: Workload, connections: number): Promise<Round> {
  const peak = await arena.load(workload, { connections, milliseconds: SATURATING_MS });
  const crowd = await arena.load(workload, { connections: connections * TIMES, milliseconds: CROWD_MS });
  const watching = new AbortController();
  const ready = watchReady(arena.port, watching.signal);
  const overload = await arena.load(workload, {
    connections: CONNECTIONS,
    milliseconds: OVERLOAD_MS,
    rate: perSecond(peak) * TIMES,
  });
  watching.abort();
  return { peak, crowd, overload, ready: await ready, memory: await arena.memory() };
}

const count = (results: readonly LoadResult[], status: string) =>
  results.reduce((sum, { statuses }) => sum + (statuses[status] ?? 0), 0);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const whole = (value: number) => Math.round(value).toLocaleString("en");

/** One row of the table: the share of the peak that remained under one kind of load. */
function reportLoad(name: string, peak: number, loads: readonly LoadResult[], run: LongRun): string[] {
  const kept = mean(loads.map(perSecond));
  const strange = loads.flatMap(({ statuses }) =>
    Object.keys(statuses).filter((status) => !["200", "201", "503"].includes(status)),
  );
  const losses = loads.flatMap((result) => Object.keys(result.losses));
  const unhelpful = loads.reduce((sum, { withoutRetryAfter }) => sum + withoutRetryAfter, 0);
  run.check(kept >= SHARE * peak, `${name}: ${whole(kept)} a second is less than ${SHARE} of ${whole(peak)}`);
  run.check(strange.length === 0, `${name}: statuses ${strange.join(", ")}`);
  run.check(losses.length === 0, `${name}: connections lost: ${losses.join(", ")}`);
  run.check(unhelpful === 0, `${name}: ${unhelpful} times 503 without Retry-After`);
  return [
    name,
    whole(peak),
    whole(kept),
    (kept / peak).toFixed(2),
    whole(Math.max(...loads.map(({ success }) => success.p99))),
    whole(count(loads, "503")),
    whole(loads.reduce((sum, { unsent }) => sum + unsent, 0)),
  ];
}

function reportWorkload(workload: Workload, rounds: readonly Round[], run: LongRun): string[][] {
  const peak = mean(rounds.map((round) => perSecond(round.peak)));
  const crowds = rounds.map(({ crowd }) => crowd);
  const overloads = rounds.map(({ overload }) => overload);
  return [
    reportLoad(`${workload}, 4 × the connections`, peak, crowds, run),
    reportLoad(`${workload}, 4 × the rate`, peak, overloads, run),
  ];
}

/** Flat: the last third of the run uses at most 10 % more memory than the second one. */
function reportMemory(samples: readonly Memory[], run: LongRun): void {
  const third = Math.floor(samples.length / 3);
  const rows = (["heapMb", "rssMb"] as const).map((kind) => {
    const values = samples.map((sample) => sample[kind]);
    const [middle, last] = [mean(values.slice(third, 2 * third)), mean(values.slice(2 * third))];
    if (third > 0) run.check(last <= middle * 1.1, `${kind} grows: ${middle.toFixed(1)} to ${last.toFixed(1)}`);
    return [kind, values[0], mean(values.slice(0, third)), middle, last, Math.max(...values)].map((cell) =>
      typeof cell === "number" ? cell.toFixed(1) : String(cell),
    );
  });
  console.log(markdownTable(["", "first round", "first third", "second third", "last third", "most"], rows));
}

/** Rounds, in each of which every workload first saturates the service and then requests 4 times as much. */
export async function playRounds(serverUrl: string, minutes: number, run: LongRun): Promise<void> {
  await using arena = await openArena({ serverUrl, poolSize: POOL_SIZE, writeMs: WRITE_MS });
  let written = 0;
  const load = arena.load;
  const counted: Arena = {
    ...arena,
    load: async (workload, how) => {
      const result = await load(workload, how);
      written += result.statuses["201"] ?? 0;
      return result;
    },
  };
  const saturation = { reads: 0, writes: 0 };
  for (const workload of WORKLOADS) saturation[workload] = await findSaturation(counted, workload);
  const rounds: Record<Workload, Round[]> = { reads: [], writes: [] };
  const samples: Memory[] = [];
  const end = performance.now() + minutes * 60_000;
  do {
    for (const workload of WORKLOADS) {
      const round = await playRound(counted, workload, saturation[workload]);
      rounds[workload].push(round);
      samples.push(round.memory);
      console.log(
        `${workload}: ${[round.peak, round.crowd, round.overload].map((result) => whole(perSecond(result))).join(" → ")} a second, ` +
          `503: ${whole(count([round.overload], "503"))}, /ready ${JSON.stringify(round.ready)}, ` +
          `RSS ${round.memory.rssMb.toFixed(1)} MB, heap ${round.memory.heapMb.toFixed(1)} MB`,
      );
    }
  } while (performance.now() < end);
  const head = ["", "peak/s", "answered/s", "share", "p99 ms", "503s", "never sent"];
  const lines = WORKLOADS.flatMap((workload) => reportWorkload(workload, rounds[workload], run));
  console.log(markdownTable(head, lines));
  reportMemory(samples, run);
  const rows = await arena.rows();
  console.log(`${whole(written)} writes acknowledged, ${whole(rows)} rows`);
  run.check(rows === written, `${written} writes were acknowledged, and ${rows} are there`);
}
