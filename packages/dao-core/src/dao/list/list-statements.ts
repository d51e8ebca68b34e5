import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { CallOptions } from "../../contract/call-options.ts";
import { type CountMode, PAGING_NAMES, type Page, type PageRequest, pageWindow, toPage } from "../../contract/page.ts";
import type { EntityTable } from "../../schema/columns.ts";
import type { SchemaExecutor, SqlRow } from "../../session/driver.ts";
import { EXACT_COUNT } from "../../session/limits.ts";
import {
  compile,
  one,
  param,
  queryBuilder,
  type RowMapper,
  run,
  type Statement,
  StatementCache,
  type StatementValues,
  written,
} from "../statement/statement.ts";
import { columnOf, columnParam, instantParam } from "../statement/text-columns.ts";
import { readCursor, toCursor } from "./cursor.ts";

const NEWEST_FIRST = sql`created_at desc, id desc`;

/** Makes a query for guarded rows in this order, each with the total that another query counts. */
type Guard = (rows: SQL, order: SQL, total: SQL | undefined) => SQL;

/** The parameters of a list's statement. */
interface ListShape {
  /** The columns that are compared with a value. */
  readonly filters: readonly string[];
  readonly count: CountMode;
  readonly hasCursor: boolean;
}

/** The rows of one table: its columns by the names of the DTO, and what reads them. */
export interface EntityRows<Dto extends object> {
  readonly table: EntityTable;
  readonly columns: Readonly<Record<string, PgColumn>>;
  readonly read: RowMapper<Dto>;
}

/** The lists of one table: a statement for each set of filters and each kind of paging that callers use. */
export class ListStatements {
  readonly #entity: EntityRows<object>;
  readonly #guarded: Guard;
  /** The positions, in a row, of the values that lists are ordered by. */
  readonly #key: { readonly createdAt: number; readonly id: number };
  readonly #statements = new StatementCache();

  constructor(entity: EntityRows<object>, guarded: Guard) {
    this.#entity = entity;
    this.#guarded = guarded;
    const names = Object.keys(entity.columns);
    this.#key = { createdAt: names.indexOf("createdAt"), id: names.indexOf("id") };
  }

  /**
   * One page of guarded rows with its total, in one statement, or in two if the planner has to estimate the total. The last
   * column of a row is the total, unless none is requested.
   */
  async page(executor: SchemaExecutor, request: PageRequest, options?: CallOptions): Promise<Page<SqlRow>> {
    const window = pageWindow(request);
    const { count = "exact", cursor } = request;
    const filters = Object.entries(request).filter(([name, value]) => value !== undefined && !PAGING_NAMES.has(name));
    const names = filters.map(([name]) => name).sort();
    const values: StatementValues = {
      ...Object.fromEntries(filters),
      skip: window.skip,
      // One row more than the page: if it exists, there is another page.
      limit: window.limit + 1,
      ...(cursor !== undefined && readCursor(cursor)),
    };
    const shape: ListShape = { filters: names, count, hasCursor: cursor !== undefined };
    const { rows } = await run(executor, this.#statement(shape), values, options);
    const { createdAt, id } = this.#key;
    // A page beyond the last row is one row with only the total.
    const found = rows[0]?.[id] === null ? [] : rows;
    let total = count === "none" ? null : Number(rows[0]?.at(-1) ?? 0);
    if (count === "estimated" && total !== null && total > EXACT_COUNT) {
      total = Math.max(total, await this.#estimate(executor, names, values, options));
    }
    const items = found.slice(0, window.limit);
    const last = found.length > window.limit ? items.at(-1) : undefined;
    const next = last && toCursor({ createdAt: String(last[createdAt]), id: String(last[id]) });
    return toPage(items, total, window, next ?? null);
  }

  /** The number of rows that the planner estimates from the table's statistics (PostgreSQL manual, 14.2). */
  async #estimate(
    executor: SchemaExecutor,
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
    return this.#statements.get(`${count}:${hasCursor}:${filters.join()}`, () => {
      const total = count === "none" ? undefined : this.#count(shape).getSQL();
      return compile("read", written(this.#guarded(this.#rows(shape).getSQL(), NEWEST_FIRST, total)));
    });
  }

  /** The rows of a page, newest first. */
  #rows({ filters, hasCursor }: ListShape) {
    const { createdAt, id } = this.#entity.table;
    const position = sql`(${instantParam("createdAt")}, ${param("id")}::uuid)`;
    const afterCursor = hasCursor ? sql`(${createdAt}, ${id}) < ${position}` : undefined;
    const rows = queryBuilder
      .select()
      .from(this.#entity.table)
      .where(and(this.#filter(filters), afterCursor))
      .orderBy(desc(createdAt), desc(id))
      .limit(sql.placeholder("limit"));
    return hasCursor ? rows : rows.offset(sql.placeholder("skip"));
  }

  /** The number of all rows; for `estimated`, counted up to the limit beyond which the planner estimates. */
  #count({ filters, count }: ListShape) {
    const total = sql`count(*)`.as("total");
    const filter = this.#filter(filters);
    if (count === "exact") return queryBuilder.select({ total }).from(this.#entity.table).where(filter);
    const some = this.#ones(filter)
      .limit(EXACT_COUNT + 1)
      .as("some");
    return queryBuilder.select({ total }).from(some);
  }

  #ones(filter: SQL | undefined) {
    return queryBuilder.select(one).from(this.#entity.table).where(filter);
  }

  #filter(names: readonly string[]): SQL | undefined {
    const columns = names.map((name) => [name, columnOf(this.#entity.columns, name)] as const);
    return and(...columns.map(([name, column]) => eq(column, columnParam(column, name))));
  }
}

/** The number of rows in a plan, which an application's driver may already have parsed. Citus has the node's plan in its own. */
function plannedRows(plan: unknown): number {
  const plans: unknown = typeof plan === "string" ? JSON.parse(plan) : plan;
  const top = Array.isArray(plans) ? plans[0]?.Plan : undefined;
  const remote = top?.["Distributed Query"]?.Job.Tasks[0]?.["Remote Plan"]?.[0]?.[0]?.Plan;
  const rows: unknown = (remote ?? top)?.["Plan Rows"];
  if (typeof rows !== "number") throw new Error("The database returned a plan in a form that is not read here.");
  return rows;
}
