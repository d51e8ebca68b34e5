import { asc, desc, isNull, or, type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgInteger, PgTimestampString } from "drizzle-orm/pg-core";
import { literal } from "../../schema/columns.ts";
import { param } from "../statement/statement.ts";
import { columnOf, columnParam, resultValue } from "../statement/text-columns.ts";
import type { KeyType } from "./cursor.ts";

/** Characters of a text that lists are ordered by, so that a cursor is short enough for a URL. */
const KEY_CHARACTERS = literal(100);

/** The order of a list: by a column, rows without a value last, then by `id`. */
export class ListOrder {
  /** As a request has it; `undefined` for newest first. */
  readonly sort: string | undefined;
  /** In a query on the table. */
  readonly inner: readonly SQL[];
  /** The same by the bare names of columns, in a query on its rows. */
  readonly outer: SQL;
  /** The value of a row that it is ordered by, by the bare name; `undefined` if it is the row's `createdAt`. */
  readonly key: SQL | undefined;
  readonly type: KeyType;
  readonly isNullable: boolean;
  readonly #column: PgColumn;
  readonly #value: SQL;
  readonly #id: PgColumn;
  readonly #isDescending: boolean;

  constructor(columns: Readonly<Record<string, PgColumn>>, requested = "-createdAt") {
    this.sort = requested === "-createdAt" ? undefined : requested;
    this.#isDescending = requested.startsWith("-");
    const column = columnOf(columns, this.#isDescending ? requested.slice(1) : requested);
    this.type = column instanceof PgTimestampString ? "instant" : column instanceof PgInteger ? "number" : "text";
    this.isNullable = !column.notNull;
    this.#column = column;
    this.#id = columnOf(columns, "id");
    const keyOf = (value: SQL) => (this.type === "text" ? sql`left(${value}, ${KEY_CHARACTERS})` : value);
    this.#value = keyOf(sql`${column}`);
    const direction = this.#isDescending ? desc : asc;
    // Where PostgreSQL's default is the same, an index can be read in this order.
    const nulls = this.isNullable && this.#isDescending ? sql` nulls last` : sql``;
    this.inner = [sql`${direction(this.#value)}${nulls}`, direction(this.#id)];
    const bare = keyOf(sql.raw(column.name));
    this.outer = sql`${direction(bare)}${nulls}, ${direction(sql.raw("id"))}`;
    this.key = this.sort === undefined ? undefined : sql`${resultValue(column, bare)} as sort_key`;
  }

  /** The condition that a row comes after the cursor, whose key has a value or has none. */
  after(hasValue: boolean): SQL | undefined {
    const id = sql`${param("cursor.id")}::uuid`;
    const operator = sql.raw(this.#isDescending ? "<" : ">");
    if (!hasValue) return sql`(${this.#column} is null and ${this.#id} ${operator} ${id})`;
    const position = sql`(${columnParam(this.#column, "cursor.key")}, ${id})`;
    const isAfter = sql`(${this.#value}, ${this.#id}) ${operator} ${position}`;
    return this.isNullable ? or(isAfter, isNull(this.#column)) : isAfter;
  }
}
