import { markdownTable } from "../../bench/markdown-table.ts";
import type { LongRun } from "../long-runs/long-run.ts";
import { get, type LongAnswers, readSlowly, SlowReaders } from "./slow-readers.ts";

/**
 * The most that a service of 512 MB of heap may have, in megabytes, and that a turn of its event loop may take, in milliseconds of
 * processor time: `/health` waits for two turns, one that takes the connection and one that takes the request. How late the loop
 * was depends on who else is at work on the machine.
 */
const MOST_MB = 600;
const TURN_MS = 50;

/** Slow readers of long rows. */
export async function readLongRows(serverUrl: string, run: LongRun): Promise<void> {
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
    run.check(wrong === "", `${what}: ${wrong}`);
    run.check(most <= MOST_MB, `${what}: ${most.toFixed(0)} MB`);
    run.check(turn <= TURN_MS, `${what}: a turn of the event loop took ${turn.toFixed(0)} ms of processor time`);
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
