import { type CountMode, type Page, type PageWindow, toPage } from "../../contract/page.ts";
import type { SqlRow } from "../../session/driver.ts";
import { EXACT_COUNT } from "../../session/limits.ts";
import { toCursor } from "./list-cursor.ts";

/**
 * @param rows those that were read: one more than the page has, where there is another page
 * @param place which of a row's values are what the list is ordered by
 */
export function listPage(
  rows: readonly SqlRow[],
  total: number | null,
  window: PageWindow,
  place: { readonly createdAt: number; readonly id: number },
): Page<SqlRow> {
  const hasMore = rows.length > window.limit;
  const items = hasMore ? rows.slice(0, window.limit) : rows;
  const last = hasMore ? items.at(-1) : undefined;
  const cursor = last && toCursor({ createdAt: String(last[place.createdAt]), id: String(last[place.id]) });
  return toPage([...items], total, window, cursor ?? null);
}

/**
 * How many rows there are in all.
 * @param counted as many as were to be counted
 * @param estimate asks the planner, where there are more
 */
export async function listTotal(
  count: CountMode,
  counted: number,
  estimate: () => Promise<number>,
): Promise<number | null> {
  if (count === "none") return null;
  return count === "estimated" && counted > EXACT_COUNT ? Math.max(counted, await estimate()) : counted;
}
