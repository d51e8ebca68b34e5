import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { CallOptions } from "../../contract/call-options.ts";
import { type CountMode, PAGING_NAMES, type Page, type PageRequest, pageWindow } from "../../contract/page.ts";
import type { SqlExecutor, SqlRow } from "../../session/driver.ts";
import { EXACT_COUNT } from "../../session/limits.ts";
import type { EntityTable } from "../statement/entity-table.ts";
import {
  compile,
  param,
  queryBuilder,
  run,
  type Statement,
  StatementCache,
  type StatementValues,
  written,
} from "../statement/statement.ts";
import { columnParam, instantParam } from "../statement/text-columns.ts";
import type { GuardedRows } from "./guarded-rows.ts";
import { readCursor } from "./list-cursor.ts";
import { listPage, listTotal } from "./list-page.ts";

const NEWEST_FIRST = sql`created_at desc, id desc`;

/** What makes the statement of one list another than that of the next. */
interface ListShape {
  /** The columns that must equal a value. */
  readonly filters: readonly string[];
  readonly count: CountMode;
  readonly hasCursor: boolean;
}

/** The lists of one table: a statement for each set of filters and each kind of paging that callers really use. */
export class ListStatements {
  readonly #table: EntityTable;
  readonly #columns: Readonly<Record<string, PgColumn>>;
  readonly #guarded: GuardedRows;
  readonly #place: { readonly createdAt: number; readonly id: number };
  readonly #statements = new StatementCache();

  constructor(table: EntityTable, columns: Readonly<Record<string, PgColumn>>, guarded: GuardedRows) {
    this.#table = table;
    this.#columns = columns;
    this.#guarded = guarded;
    const names = Object.keys(columns);
    this.#place = { createdAt: names.indexOf("createdAt"), id: names.indexOf("id") };
  }

  /**
   * One page of guarded rows, with its total, in one statement; two where the planner must be asked for the total. The last
   * column of a row is the total, where it is counted.
   */
  async page(executor: SqlExecutor, request: PageRequest, options?: CallOptions): Promise<Page<SqlRow>> {
    const window = pageWindow(request);
    // One more than asked for tells whether there is another page.
    const values: Record<string, unknown> = { skip: window.skip, limit: window.limit + 1 };
    const filters: string[] = [];
    for (const [name, value] of Object.entries(request)) {
      if (value === undefined || PAGING_NAMES.has(name)) continue;
      filters.push(name);
      values[name] = value;
    }
    const { count = "exact", cursor } = request;
    if (cursor !== undefined) Object.assign(values, readCursor(cursor));
    const shape: ListShape = { filters: filters.sort(), count, hasCursor: cursor !== undefined };
    const { rows } = await run(executor, this.#statement(shape), values, options);
    const place = this.#place;
    if (count === "none") return listPage(rows, null, window, place);
    // A page beyond the last row is one row that holds nothing but the total.
    const found = rows[0]?.[place.id] === null ? [] : rows;
    const counted = Number(rows[0]?.at(-1) ?? 0);
    const total = await listTotal(count, counted, () => this.#estimate(executor, filters, values, options));
    return listPage(found, total, window, place);
  }

  /** How many rows the planner expects, by the statistics of the table (PostgreSQL manual, 14.2). */
  async #estimate(
    executor: SqlExecutor,
    filters: readonly string[],
    values: StatementValues,
    options: CallOptions | undefined,
  ): Promise<number> {
    const estimate = this.#statements.get(`estimate:${filters.join()}`, () => {
      const counted = compile("read", this.#ones(this.#filter(filters)));
      return { ...counted, text: `explain (format json) ${counted.text}` };
    });
    const { rows } = await run(executor, estimate, values, options);
    return plannedRows(rows[0]?.[0]);
  }

  #statement(shape: ListShape): Statement {
    const { filters, count, hasCursor } = shape;
    return this.#statements.get(`${count}:${hasCursor}:${filters.join()}`, () =>
      compile("read", written(this.#page(shape))),
    );
  }

  /** The rows of a page, newest first. */
  #rows({ filters, hasCursor }: ListShape) {
    const { createdAt, id } = this.#table;
    const position = sql`(${instantParam("createdAt")}, ${param("id")}::uuid)`;
    const afterCursor = hasCursor ? sql`(${createdAt}, ${id}) < ${position}` : undefined;
    const rows = queryBuilder
      .select()
      .from(this.#table)
      .where(and(this.#filter(filters), afterCursor))
      .orderBy(desc(createdAt), desc(id))
      .limit(sql.placeholder("limit"));
    return hasCursor ? rows : rows.offset(sql.placeholder("skip"));
  }

  /** A page of guarded rows; with their number in the last column, of all, or as far as an estimate counts, unless it is not asked for. */
  #page(shape: ListShape): SQL {
    const total = shape.count === "none" ? undefined : this.#count(shape).getSQL();
    return this.#guarded.list(this.#rows(shape).getSQL(), NEWEST_FIRST, total);
  }

  #count({ filters, count }: ListShape) {
    const total = sql`count(*)`.as("total");
    const filter = this.#filter(filters);
    if (count === "exact") return queryBuilder.select({ total }).from(this.#table).where(filter);
    const some = this.#ones(filter)
      .limit(EXACT_COUNT + 1)
      .as("some");
    return queryBuilder.select({ total }).from(some);
  }

  #ones(filter: SQL | undefined) {
    return queryBuilder
      .select({ one: sql`1`.as("one") })
      .from(this.#table)
      .where(filter);
  }

  #filter(names: readonly string[]): SQL | undefined {
    return and(...names.map((name) => eq(this.#column(name), columnParam(this.#column(name), name))));
  }

  #column(name: string): PgColumn {
    const column = this.#columns[name];
    if (column === undefined) throw new TypeError(`${name} is no column`);
    return column;
  }
}

/** The number of rows in a plan, which a host's driver may have parsed already. */
function plannedRows(plan: unknown): number {
  const plans: unknown = typeof plan === "string" ? JSON.parse(plan) : plan;
  const rows: unknown = Array.isArray(plans) ? plans[0]?.Plan?.["Plan Rows"] : undefined;
  if (typeof rows !== "number") throw new Error("The database answered EXPLAIN in a form that is not read here.");
  return rows;
}
