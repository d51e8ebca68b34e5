import { markdownTable } from "../../bench/markdown-table.ts";
import type { LongRun } from "../long-runs/long-run.ts";
import { reportWatch, WATCH_HEAD } from "./health-watch.ts";
import { get, type LongResponses, readSlowly, SlowReaders } from "./slow-readers.ts";

/** Megabytes that a service with 512 MB of heap may use. */
const MOST_MB = 600;

/** Slow readers of long rows. */
export async function readLongRows(serverUrl: string, run: LongRun): Promise<void> {
  const results: LongResponses[] = [];
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
  results.push(await readers.watch("300 streams that are not read", slowly("/api/v1/tasks/stream", 300, 0)));
  const id = await readers.insertConversations(1, 250_000_000);
  results.push(await readers.watch("one row of 250 MB", whole(`/api/v1/conversations/${id}`, 250_000_000)));
  await readers.sql`truncate conversations`;
  await readers.insertConversations(100, 6_000_000);
  results.push(await readers.watch("a list of 100 × 6 MB", whole(list, 600_000_000)));
  for (const { what, wrong } of results) run.check(wrong === "", `${what}: ${wrong}`);
  const rows = results.map((result) => reportWatch(result.what, result, MOST_MB, run));
  console.log(markdownTable(WATCH_HEAD, rows));
}
