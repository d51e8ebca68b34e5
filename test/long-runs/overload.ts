import { markdownTable } from "../../bench/markdown-table.ts";
import { reportWatch, WATCH_HEAD } from "../overload/health-watch.ts";
import { readLongRows } from "../overload/long-rows.ts";
import { playRounds } from "../overload/rounds.ts";
import { slowClients } from "../overload/slow-clients.ts";
import { stopAgainAndAgain } from "../overload/stops.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const MINUTES = 10;
const STOPS = 30;

/** Megabytes of memory that slow clients may cost. */
const SLOW_CLIENTS_MB = 512;

/** Clients that are slow, or that disconnect. */
async function sufferSlowClients(serverUrl: string, run: LongRun): Promise<void> {
  const reports = await slowClients(serverUrl);
  for (const { name, complaint } of reports) run.check(complaint === "", `${name}: ${complaint}`);
  const rows = reports.map((report) => reportWatch(report.name, report, SLOW_CLIENTS_MB, run));
  console.log(markdownTable(WATCH_HEAD, rows));
}

/** The service under more load than it can handle. `--only` selects a part: rounds, stops, long rows, slow clients. */
export async function run(run: LongRun): Promise<LongRunResult> {
  const url = await run.startServer();
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    rounds: () => playRounds(url, MINUTES * run.share, run),
    stops: () => stopAgainAndAgain(url, run.amount(STOPS), run),
    "long rows": () => readLongRows(url, run),
    "slow clients": () => sufferSlowClients(url, run),
  };
  const wanted = Object.entries(parts).filter(([name]) => run.wants(name));
  for (const [, play] of wanted) await play();
  return { count: wanted.length, what: "parts" };
}
