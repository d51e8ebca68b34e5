import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { markdownTable } from "../../bench/markdown-table.ts";
import type { LongRun } from "../long-runs/long-run.ts";
import { compileOverloadPrograms, SERVICE_KEY, startService } from "./service-process.ts";
import { type StopReport, stopUnderLoad } from "./stop-under-load.ts";

/** Stops the service under load `count` times. */
export async function stopAgainAndAgain(serverUrl: string, times: number, run: LongRun): Promise<void> {
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
    ["responses with another status", sum(({ unexpected }) => unexpected.length)],
    ["acknowledged writes lost", sum(({ lost }) => lost)],
    ["backends left", sum(({ backendsLeft }) => backendsLeft)],
  ];
  for (const [what, number] of zeros) run.check(number === 0, `stops: ${what}: ${number}`);
  const rows = [
    ["stops", String(times)],
    ["requests with a response", String(sum(({ answers }) => answers))],
    ["writes acknowledged", String(sum(({ acknowledged }) => acknowledged))],
    ["slowest stop, ms", String(Math.max(...reports.map(({ goneAfter }) => goneAfter)))],
    ...zeros.map(([what, number]) => [what, String(number)]),
  ];
  console.log(markdownTable(["", ""], rows));
}
