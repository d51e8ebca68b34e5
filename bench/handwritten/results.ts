import type { Cursor, StatisticsRow, TaskRow } from "./rows.ts";
import type { TaskChanges } from "./task-queries.ts";

/** A page by number, as the API returns it. */
export function toPage<Row>({ items, total }: { items: Row[]; total: number }, page: number, pageSize: number) {
  return { items, total, page, page_size: pageSize, has_next: page * pageSize < total, has_prev: page > 1 };
}

/** A page after a cursor, not counted, as the API returns it. */
export function toPageAfter<Row>(
  { items, hasNext }: { items: Row[]; hasNext: boolean },
  after: Cursor | undefined,
  pageSize: number,
) {
  const page = after === undefined ? 1 : null;
  return { items, total: null, page, page_size: pageSize, has_next: hasNext, has_prev: after !== undefined };
}

/** Statistics, as the API returns them. */
export function toStatistics(user_id: string, counts: StatisticsRow | undefined) {
  if (counts === undefined) return undefined;
  const { total, ...by_state } = counts;
  const completion_rate = total === 0 ? 0 : Math.round((by_state.completed / total) * 10_000) / 10_000;
  return { user_id, total_tasks: total, by_state, completion_rate };
}

/** Changes of many tasks, as one array per column. */
export function toColumns(changes: readonly { id: string; title?: string; state?: string; priority?: string }[]) {
  return {
    ids: changes.map(({ id }) => id),
    titles: changes.map(({ title }) => title ?? null),
    states: changes.map(({ state }) => state ?? null),
    priorities: changes.map(({ priority }) => priority ?? null),
  } satisfies TaskChanges;
}

/** The updated rows in the order of the request, as the API returns them. */
export function toUpdates(ids: readonly string[], rows: readonly TaskRow[]) {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return { results: ids.map((id) => ({ id, task: byId.get(id) ?? null })) };
}
