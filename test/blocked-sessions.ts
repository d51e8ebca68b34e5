import type postgres from "postgres";
import { askUntil } from "./ask-until.ts";

/**
 * Resolves once `count` sessions of the database of `sql` have waited for a lock for `milliseconds` or longer; returns their
 * process ids. Polls without a pause, since the blocked work waits for the caller.
 */
export async function untilBlocked(sql: postgres.ISql, count = 1, milliseconds = 0): Promise<number[]> {
  const list = () => sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    and clock_timestamp() - query_start >= ${milliseconds}::int * interval '1 millisecond'`;
  const blocked = await askUntil(list, ({ length }) => length >= count, { pause: 0 });
  return blocked.map(({ pid }) => pid);
}
