import { type CountMode, type Page, type PageWindow, toPage } from "../../contract/page.ts";
import { type ListPosition, toCursor } from "./list-cursor.ts";

/** The most rows that `count: "estimated"` counts; of more it asks the planner. */
export const EXACT_UP_TO = 1_000;

/** How a list's rows are read, in whichever form they come. */
export interface ListRows<Row, Dto> {
  read(row: Row): Dto;
  /** What the row has as `created_at`, and as `id`. */
  placeOf(row: Row): readonly [createdAt: unknown, id: unknown];
}

/** @param rows those that were read: one more than the page has, where there is another page */
export function listPage<Row, Dto>(
  rows: readonly Row[],
  total: number | null,
  window: PageWindow,
  list: ListRows<Row, Dto>,
): Page<Dto> {
  const hasMore = rows.length > window.limit;
  const shown = hasMore ? rows.slice(0, window.limit) : rows;
  const last = hasMore ? shown.at(-1) : undefined;
  const items = shown.map((row) => list.read(row));
  return toPage(items, total, window, last === undefined ? null : toCursor(position(list.placeOf(last))));
}

function position([createdAt, id]: readonly [unknown, unknown]): ListPosition {
  if (typeof createdAt === "string") return { createdAt, id: String(id) };
  throw new TypeError(
    "A row of a list must have created_at as text: a Date drops its microseconds, and rows with them.",
  );
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
  return count === "estimated" && counted > EXACT_UP_TO ? Math.max(counted, await estimate()) : counted;
}
