import { markdownTable } from "../../bench/markdown-table.ts";
import { readLongRows } from "../overload/long-rows.ts";
import { playRounds } from "../overload/rounds.ts";
import { slowClients } from "../overload/slow-clients.ts";
import { stopAgainAndAgain } from "../overload/stops.ts";
import type { LongRun, LongRunResult } from "./long-run.ts";

const MINUTES = 10;
const STOPS = 30;

/** Milliseconds within which `/health` answers, whatever slow clients do, and megabytes that they may cost. */
const HEALTH_MS = 100;
const SLOW_CLIENTS_MB = 512;

/** Clients that are slow, or go. */
async function sufferSlowClients(serverUrl: string, run: LongRun): Promise<void> {
  const reports = await slowClients(serverUrl);
  for (const { name, rssAtMost, slowest, failures, complaint } of reports) {
    run.check(complaint === "", `${name}: ${complaint}`);
    run.check(failures === 0, `${name}: /health failed ${failures} times`);
    run.check(slowest < HEALTH_MS, `${name}: /health took ${Math.round(slowest)} ms`);
    run.check(rssAtMost < SLOW_CLIENTS_MB, `${name}: RSS ${Math.round(rssAtMost)} MB`);
  }
  const rows = reports.map(({ name, rssAtMost, slowest }) => [name, rssAtMost.toFixed(0), slowest.toFixed(0)]);
  console.log(markdownTable(["", "RSS at most, MB", "slowest /health, ms"], rows));
}

/** How the service does with more work than it can. `--only` takes one of the parts: rounds, stops, long rows, slow clients. */
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
