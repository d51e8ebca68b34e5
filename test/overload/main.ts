/**
 * How the service does with more work than it can. `--minutes N` (default 10) of rounds, in each of which every workload
 * saturates the service first and then asks for 4 times as much; then `--stops N` (default 30) stops under load; then, unless
 * `--no-long` is given, slow readers of long rows; and, unless `--no-slow` is, clients that are slow or go. Exits with 1 when
 * something is not as it is promised.
 */
import { parseArgs } from "node:util";
import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { markdownTable } from "../../bench/markdown-table.ts";
import { startTestServer } from "../../scripts/postgres/test-server.ts";
import { type Arena, openArena, WORKLOADS, type Workload } from "./arena.ts";
import type { LoadResult } from "./load.ts";
import { type ReadyWatch, watchReady } from "./ready-watch.ts";
import type { Memory } from "./report-memory.ts";
import { compileOverloadPrograms, SERVICE_KEY, startService } from "./service-process.ts";
import { slowClients } from "./slow-clients.ts";
import { get, type LongAnswers, readSlowly, SlowReaders } from "./slow-readers.ts";
import { type StopReport, stopUnderLoad } from "./stop-under-load.ts";

/** Of the peak, what must be left in successful answers at so many times the load that saturates. */
const SHARE = 0.8;
const TIMES = 4;
/** Connections over which the load of 4 times the rate comes: more than are worked on (128) and wait (1,000). */
const CONNECTIONS = 2_000;
const POOL_SIZE = 10;
const WRITE_MS = 10;
const SATURATING_MS = 5_000;
const CROWD_MS = 5_000;
const OVERLOAD_MS = 20_000;

interface Round {
  readonly peak: LoadResult;
  /** 4 times the connections, each of which sends its next request as soon as it has its answer. */
  readonly crowd: LoadResult;
  /** 4 times the requests a second, whether those before are answered or not. */
  readonly overload: LoadResult;
  readonly ready: ReadyWatch;
  readonly memory: Memory;
}

const perSecond = ({ successesInTime, elapsedMs }: LoadResult) => (successesInTime / elapsedMs) * 1_000;

/** The connections with which closed-loop callers get the most out of it: more of them bring less than 5 % more. */
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

class Findings {
  readonly #violations: string[] = [];

  check(isFine: boolean, violation: string): void {
    if (!isFine) this.#violations.push(violation);
  }

  end(): void {
    for (const violation of this.#violations) console.error(`VIOLATION: ${violation}`);
    console.log(`${this.#violations.length} violations`);
    process.exitCode = this.#violations.length === 0 ? 0 : 1;
  }
}

const count = (results: readonly LoadResult[], status: string) =>
  results.reduce((sum, { statuses }) => sum + (statuses[status] ?? 0), 0);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const whole = (value: number) => Math.round(value).toLocaleString("en");

/** One line of the table: what was left of the peak under one kind of load. */
function reportLoad(name: string, peak: number, loads: readonly LoadResult[], findings: Findings): string[] {
  const kept = mean(loads.map(perSecond));
  const strange = loads.flatMap(({ statuses }) =>
    Object.keys(statuses).filter((status) => !["200", "201", "503"].includes(status)),
  );
  const losses = loads.flatMap((result) => Object.keys(result.losses));
  const unhelpful = loads.reduce((sum, { withoutRetryAfter }) => sum + withoutRetryAfter, 0);
  findings.check(kept >= SHARE * peak, `${name}: ${whole(kept)} a second is less than ${SHARE} of ${whole(peak)}`);
  findings.check(strange.length === 0, `${name}: statuses ${strange.join(", ")}`);
  findings.check(losses.length === 0, `${name}: connections lost: ${losses.join(", ")}`);
  findings.check(unhelpful === 0, `${name}: ${unhelpful} times 503 without Retry-After`);
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

function reportWorkload(workload: Workload, rounds: readonly Round[], findings: Findings): string[][] {
  const peak = mean(rounds.map((round) => perSecond(round.peak)));
  const crowds = rounds.map(({ crowd }) => crowd);
  const overloads = rounds.map(({ overload }) => overload);
  return [
    reportLoad(`${workload}, 4 × the connections`, peak, crowds, findings),
    reportLoad(`${workload}, 4 × the rate`, peak, overloads, findings),
  ];
}

/** Flat: the last third of the run has no more in memory than the second one, but for 10 %. */
function reportMemory(samples: readonly Memory[], findings: Findings): void {
  const third = Math.floor(samples.length / 3);
  const rows = (["heapMb", "rssMb"] as const).map((kind) => {
    const values = samples.map((sample) => sample[kind]);
    const [middle, last] = [mean(values.slice(third, 2 * third)), mean(values.slice(2 * third))];
    if (third > 0) findings.check(last <= middle * 1.1, `${kind} grows: ${middle.toFixed(1)} to ${last.toFixed(1)}`);
    return [kind, values[0], mean(values.slice(0, third)), middle, last, Math.max(...values)].map((cell) =>
      typeof cell === "number" ? cell.toFixed(1) : String(cell),
    );
  });
  console.log(markdownTable(["", "first round", "first third", "second third", "last third", "most"], rows));
}

async function overload(serverUrl: string, minutes: number, findings: Findings): Promise<void> {
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
  const lines = WORKLOADS.flatMap((workload) => reportWorkload(workload, rounds[workload], findings));
  console.log(markdownTable(head, lines));
  reportMemory(samples, findings);
  const rows = await arena.rows();
  console.log(`${whole(written)} writes acknowledged, ${whole(rows)} rows`);
  findings.check(rows === written, `${written} writes were acknowledged, and ${rows} are there`);
}

async function stops(serverUrl: string, times: number, findings: Findings): Promise<void> {
  await using test = await createTestDatabase({ serverUrl });
  await test.database.close();
  await using programs = await compileOverloadPrograms();
  const sql = postgres(test.url, { max: 1, onnotice: () => undefined });
  const reports: StopReport[] = [];
  for (let time = 0; time < times; time++) {
    const { port, child } = await startService(programs, { DATABASE_URL: test.url });
    const terminate = () => void process.kill(child.pid, "SIGTERM");
    reports.push(await stopUnderLoad({ port, key: SERVICE_KEY, terminate, exited: child.ended }, sql));
  }
  await sql.end();
  const sum = (figure: (report: StopReport) => number) => reports.reduce((total, report) => total + figure(report), 0);
  const zeros: readonly [string, number][] = [
    ["exit code not 0", sum(({ exit }) => (exit === "0" ? 0 : 1))],
    ["/ready not 503 first", sum(({ isReadyFirst }) => (isReadyFirst ? 0 : 1))],
    ["not gone within 10 s", sum(({ goneAfter }) => (goneAfter < 10_000 ? 0 : 1))],
    ["requests dropped", sum(({ dropped, droppedOfObstinate }) => dropped.length + droppedOfObstinate.length)],
    ["answers of another status", sum(({ unexpected }) => unexpected.length)],
    ["acknowledged writes lost", sum(({ lost }) => lost)],
    ["backends left", sum(({ backendsLeft }) => backendsLeft)],
  ];
  for (const [what, number] of zeros) findings.check(number === 0, `stops: ${what}: ${number}`);
  const rows = [
    ["stops", whole(times)],
    ["requests answered", whole(sum(({ answers }) => answers))],
    ["writes acknowledged", whole(sum(({ acknowledged }) => acknowledged))],
    ["slowest stop, ms", whole(Math.max(...reports.map(({ goneAfter }) => goneAfter)))],
    ...zeros.map(([what, number]) => [what, String(number)]),
  ];
  console.log(markdownTable(["", ""], rows));
}

/** Milliseconds within which `/health` answers, whatever slow clients do, and megabytes that they may cost. */
const HEALTH_MS = 100;
const SLOW_CLIENTS_MB = 512;

async function slow(serverUrl: string, findings: Findings): Promise<void> {
  const reports = await slowClients(serverUrl);
  for (const { name, rssAtMost, slowest, failures, complaint } of reports) {
    findings.check(complaint === "", `${name}: ${complaint}`);
    findings.check(failures === 0, `${name}: /health failed ${failures} times`);
    findings.check(slowest < HEALTH_MS, `${name}: /health took ${whole(slowest)} ms`);
    findings.check(rssAtMost < SLOW_CLIENTS_MB, `${name}: RSS ${whole(rssAtMost)} MB`);
  }
  const rows = reports.map(({ name, rssAtMost, slowest }) => [name, whole(rssAtMost), whole(slowest)]);
  console.log(markdownTable(["", "RSS at most, MB", "slowest /health, ms"], rows));
}

/**
 * The most that a service of 512 MB of heap may have, in megabytes, and that a turn of its event loop may take, in milliseconds of
 * processor time: `/health` waits for two turns, one that takes the connection and one that takes the request. How late the loop
 * was depends on who else is at work on the machine.
 */
const MOST_MB = 600;
const TURN_MS = 50;

async function longAnswers(serverUrl: string, findings: Findings): Promise<void> {
  const results: LongAnswers[] = [];
  await using readers = await SlowReaders.open(serverUrl, { rows: 100, rowBytes: 1_048_576, tasks: 20_000 });
  const list = `/api/v1/conversations/?user_id=${readers.userId}`;
  const slowly = (path: string, connections: number, bytes: number) => async (port: number) => {
    await readSlowly(port, path, { connections, bytes, milliseconds: 20_000 });
    return "";
  };
  const whole = (path: string, least: number) => async (port: number) => {
    const { status, bytes, isWhole } = await get(port, path);
    return status === 200 && bytes >= least && isWhole ? "" : `${status}, ${bytes} bytes, ${isWhole ? "" : "no "}JSON`;
  };
  results.push(await readers.watch("12 lists of 100 × 1 MiB, 10 kB/s", slowly(list, 12, 1_024)));
  results.push(await readers.watch("300 streams that nobody reads", slowly("/api/v1/tasks/stream", 300, 0)));
  const id = await readers.insertConversations(1, 250_000_000);
  results.push(await readers.watch("one row of 250 MB", whole(`/api/v1/conversations/${id}`, 250_000_000)));
  await readers.sql`truncate conversations`;
  await readers.insertConversations(100, 6_000_000);
  results.push(await readers.watch("a list of 100 × 6 MB", whole(list, 600_000_000)));
  for (const { what, most, turn, wrong } of results) {
    findings.check(wrong === "", `${what}: ${wrong}`);
    findings.check(most <= MOST_MB, `${what}: ${most.toFixed(0)} MB`);
    findings.check(turn <= TURN_MS, `${what}: a turn of the event loop took ${turn.toFixed(0)} ms of processor time`);
  }
  const head = [
    "",
    "MB before",
    "MB at most",
    "longest turn, ms of CPU",
    "event loop late, ms",
    "/health p99, ms",
    "/health slowest, ms",
  ];
  const rows = results.map(({ what, ...figures }) => [
    what,
    ...[figures.before, figures.most, figures.turn, figures.late, figures.p99, figures.slowest].map((figure) =>
      figure.toFixed(0),
    ),
  ]);
  console.log(markdownTable(head, rows));
}

const { values } = parseArgs({
  allowNegative: true,
  options: {
    slow: { type: "boolean", default: true },
    long: { type: "boolean", default: true },
    minutes: { type: "string", default: "10" },
    stops: { type: "string", default: "30" },
  },
});
const server = await startTestServer();
console.log(server.describe);
const findings = new Findings();
try {
  if (Number(values.minutes) > 0) await overload(server.url, Number(values.minutes), findings);
  if (Number(values.stops) > 0) await stops(server.url, Number(values.stops), findings);
  if (values.long) await longAnswers(server.url, findings);
  if (values.slow) await slow(server.url, findings);
} finally {
  await server.stop();
}
findings.end();
