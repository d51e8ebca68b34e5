import type { StatisticsRow } from "./rows.ts";

/** A page as the API answers it. */
export function toPage<Row>(items: Row[], total: number, page: number, pageSize: number) {
  return { items, total, page, page_size: pageSize, has_next: page * pageSize < total, has_prev: page > 1 };
}

/** Statistics as the API answers them. */
export function toStatistics(user_id: string, counts: StatisticsRow | undefined) {
  if (counts === undefined) return undefined;
  const { total, ...by_state } = counts;
  const completion_rate = total === 0 ? 0 : Math.round((by_state.completed / total) * 10_000) / 10_000;
  return { user_id, total_tasks: total, by_state, completion_rate };
}
