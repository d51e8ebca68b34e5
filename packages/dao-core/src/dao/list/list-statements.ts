import { and, eq, getTableColumns, gte, isNull, lt, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { CallOptions } from "../../contract/call-options.ts";
import {
  type CountMode,
  PAGING_NAMES,
  type Page,
  type PageRequest,
  type PageWindow,
  pageWindow,
  toPage,
} from "../../contract/page.ts";
import type { EntityTable } from "../../schema/columns.ts";
import type { SchemaExecutor, SqlRow } from "../../session/driver.ts";
import { EXACT_COUNT } from "../../session/limits.ts";
import {
  compile,
  one,
  queryBuilder,
  type RowMapper,
  run,
  type Statement,
  StatementCache,
  type StatementValues,
  written,
} from "../statement/statement.ts";
import { columnOf, columnParam } from "../statement/text-columns.ts";
import { type CursorKey, cursorError, type ListOrder, listOrder, readCursor, toCursor } from "./list-order.ts";

/** Makes a query for guarded rows in this order, each with a key. */
type Guard = (rows: SQL, order: SQL, key: SQL | undefined) => SQL;

/** The parameters of a list's statement. */
interface ListShape {
  /** The columns that are compared, and how. */
  readonly filters: readonly string[];
  readonly order: ListOrder;
  /** Whether the page begins after a row, which has a value to order by or has none, or far from the start. */
  readonly after: "start" | "deep" | "value" | "none";
}

/** A list request: its filters, which are all but the names of paging, and its order. */
type ListRequest = PageRequest & { readonly sort?: string | undefined };

/** The rows of one table: its columns by the names of the DTO, and what reads them. */
export interface EntityRows<Dto extends object> {
  readonly table: EntityTable;
  readonly columns: Readonly<Record<string, PgColumn>>;
  readonly read: RowMapper<Dto>;
}

/** The lists of one table: a statement for each set of filters, order and kind of paging that callers use. */
export function listStatements({ table, columns }: EntityRows<object>, guarded: Guard) {
  const statements = new StatementCache();
  const orders = new Map<string | undefined, ListOrder>();
  const names = Object.keys(columns);
  /** The positions, in a row, of the values that lists are ordered by. */
  const positions = { createdAt: names.indexOf("createdAt"), id: names.indexOf("id"), sorted: names.length + 1 };
  return { page: readPage, total: countRows };

  /** One page of guarded rows, and its total by a statement of its own, which other callers share. */
  async function readPage(
    executor: SchemaExecutor,
    request: ListRequest,
    options?: CallOptions,
  ): Promise<Page<SqlRow>> {
    const window = pageWindow(request);
    const { count = "exact", cursor } = request;
    const order = orderOf(request.sort);
    const after = cursor === undefined ? undefined : readCursor(cursor, order.sort, order);
    const filters = filtersOf(request);
    const values: StatementValues = {
      ...filters,
      skip: window.skip,
      // One row more than the page: if it exists, there is another page.
      limit: window.limit + 1,
      "cursor.key": after?.key,
      "cursor.id": after?.id,
    };
    const statement = statementOf({ filters: Object.keys(filters).sort(), order, after: placeOf(after, window) });
    const page = run(executor, statement, values, options).catch((error: unknown) => {
      throw after === undefined ? error : cursorError(error);
    });
    const counted = () => countRows(executor, request, options, count);
    // The first page of few rows shows their total. A list without filters is of many rows, and so is one with a second page.
    const mayShowTotal = cursor === undefined && window.skip === 0 && Object.keys(filters).length > 0;
    const early = count === "none" || mayShowTotal ? undefined : counted();
    // A call that has failed leaves nothing running.
    await Promise.allSettled([page, early]);
    const { rows } = await page;
    const total = count === "none" ? null : await totalOfPage(rows.length, request, window, () => early ?? counted());
    const { createdAt, id, sorted } = positions;
    const items = rows.splice(0, window.limit);
    const last = rows.length > 0 ? items.at(-1) : undefined;
    if (last === undefined) return toPage(items, total, window, null);
    const held = last[order.key === undefined ? createdAt : sorted];
    const key = typeof held === "number" || held === null ? held : String(held);
    return toPage(items, total, window, toCursor({ key, id: String(last[id]) }, order.sort));
  }

  /** The number of rows that the filters select; if it is `estimated`, the planner's above a limit up to which they are counted. */
  async function countRows(
    executor: SchemaExecutor,
    request: object,
    options?: CallOptions,
    count: CountMode = "exact",
  ): Promise<number> {
    const values = filtersOf(request);
    const filters = Object.keys(values).sort();
    const key = `${count}:${filters.join()}`;
    const counted = statements.get(key, () => compile("count", countOf(filters, count)));
    const { rows } = await run(executor, counted, values, options);
    const total = Number(rows[0]?.[0]);
    if (count === "exact" || total <= EXACT_COUNT) return total;
    return Math.max(total, await estimated(executor, filters, values, options));
  }

  function orderOf(sort: string | undefined): ListOrder {
    const order = orders.get(sort) ?? listOrder(columns, sort);
    orders.set(sort, order);
    return order;
  }

  /** The number of rows that the planner estimates from the table's statistics (PostgreSQL manual, 14.2). */
  async function estimated(
    executor: SchemaExecutor,
    filters: readonly string[],
    values: StatementValues,
    options: CallOptions | undefined,
  ): Promise<number> {
    const estimate = statements.get(`estimate:${filters.join()}`, () => {
      const counted = compile("read", onesOf(filterOf(filters)));
      return { ...counted, text: `explain (format json) ${counted.text}` };
    });
    const { rows } = await run(executor, estimate, values, options);
    return plannedRows(rows[0]?.[0]);
  }

  function statementOf(shape: ListShape): Statement {
    const { filters, order, after } = shape;
    return statements.get(`page:${order.sort}:${after}:${filters.join()}`, () =>
      compile("read", written(guarded(rowsOf(shape).getSQL(), order.outer, order.key))),
    );
  }

  /** The rows of a page, in order. */
  function rowsOf({ filters, order, after }: ListShape) {
    const isNumbered = after === "start" || after === "deep";
    const rows = queryBuilder
      .select(after === "deep" ? { id: table.id } : getTableColumns(table))
      .from(table)
      .where(and(filterOf(filters), isNumbered ? undefined : order.after(after === "value")))
      .orderBy(...order.inner)
      .limit(sql.placeholder("limit"));
    if (!isNumbered) return rows;
    const page = rows.offset(sql.placeholder("skip"));
    return after === "start" ? page : queryBuilder.select().from(table).where(sql`${table.id} = any(array(${page}))`);
  }

  /** The number of all rows; for `estimated`, counted up to the limit beyond which the planner estimates. */
  function countOf(filters: readonly string[], count: CountMode) {
    const filter = filterOf(filters);
    if (count === "exact") return queryBuilder.select(totalOf).from(table).where(filter);
    const some = onesOf(filter)
      .limit(EXACT_COUNT + 1)
      .as("some");
    return queryBuilder.select(totalOf).from(some);
  }

  function onesOf(filter: SQL | undefined) {
    return queryBuilder.select(one).from(table).where(filter);
  }

  function filterOf(names: readonly string[]): SQL | undefined {
    return and(...names.map((name) => comparison(name)));
  }

  /** @param name a field, or a field and how it is compared, as {@link filtersOf} has them */
  function comparison(name: string): SQL {
    const [field = "", how] = name.split(".");
    const column = columnOf(columns, field);
    const value = columnParam(column, name);
    switch (how) {
      case "any":
        return sql`${column} = any(${value})`;
      case "null":
        return isNull(column);
      case "from":
        return gte(column, value);
      case "before":
        return lt(column, value);
      default:
        return eq(column, value);
    }
  }
}

const totalOf = { total: sql`count(*)`.as("total") };

/** Rows to skip from which the ids of a page are found first: the index has them, so that no skipped row is read. */
const DEEP = 1_000;

function placeOf(after: CursorKey | undefined, { skip }: PageWindow) {
  if (after !== undefined) return after.key === null ? "none" : "value";
  return skip < DEEP ? "start" : "deep";
}

/** The total of the page's own snapshot if it shows that; otherwise of a count, but no less than the page shows. */
async function totalOfPage(
  rows: number,
  { cursor }: ListRequest,
  { skip, limit }: PageWindow,
  count: () => Promise<number>,
): Promise<number> {
  const showsEnd = cursor === undefined && rows <= limit;
  if (showsEnd && (rows > 0 || skip === 0)) return skip + rows;
  return Math.max(await count(), rows && skip + rows);
}

/**
 * The values that a request compares fields with, by the name of the field if they must be equal, and otherwise by `state.any`,
 * `milestoneId.null`, `startTime.from` and `startTime.before`. The names are the same however many values there are.
 */
function filtersOf(request: object): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request)) {
    if (value === undefined || PAGING_NAMES.has(name)) continue;
    if (value === null) values[`${name}.null`] = null;
    else if (Array.isArray(value)) values[`${name}.any`] = `{${value.map(arrayElement).join()}}`;
    else if (typeof value !== "object") values[name] = value;
    else {
      for (const [end, bound] of Object.entries(value)) if (bound !== undefined) values[`${name}.${end}`] = bound;
    }
  }
  return values;
}

/** A value in PostgreSQL's text of an array, in quotation marks. */
const arrayElement = (value: unknown) => `"${String(value).replace(/["\\]/g, "\\$&")}"`;

/** The number of rows in a plan, which an application's driver may already have parsed. Citus has the node's plan in its own. */
function plannedRows(plan: unknown): number {
  const plans: unknown = typeof plan === "string" ? JSON.parse(plan) : plan;
  const top = memberOf(plans, 0, "Plan");
  const remote = memberOf(top, "Distributed Query", "Job", "Tasks", 0, "Remote Plan", 0, 0, "Plan");
  const rows = memberOf(remote ?? top, "Plan Rows");
  if (typeof rows !== "number") throw new Error("The database returned a plan in a form that is not read here.");
  return rows;
}

/** The member of a parsed JSON value at `path`; `undefined` if there is none. */
function memberOf(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((parent, name) => Reflect.get(Object(parent), name), value);
}
