import { type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgJsonb, PgText } from "drizzle-orm/pg-core";

const name = (column: PgColumn): SQL => sql`${sql.identifier(column.name)}`;

/** Whether PostgreSQL sets no bound to what a column holds. A checked title is among them: adopted rows can be longer. */
export const isUnbounded = (column: PgColumn): boolean => column instanceof PgJsonb || column instanceof PgText;

/** Bytes of text up to which a row of a table without JSON is read with as many as a thousand others. */
const SHORT_ROW = sql.raw("8192");

/**
 * The rows of a query on one table, their contents as far as `room` bytes of them go: the others come without their text and
 * JSON, and with the number of bytes that these have, so that what a statement returns is bounded whatever rows hold.
 */
export class GuardedRows {
  readonly #columns: readonly PgColumn[];
  readonly #room: SQL;

  constructor(columns: Readonly<Record<string, PgColumn>>, room: number) {
    this.#columns = Object.values(columns);
    this.#room = sql.raw(String(room));
  }

  /**
   * The columns of the table in their order, and one more: `null` where the contents are there, else how many bytes they have.
   * @param rows a query for all columns of the table
   * @param order of the rows, by the columns' own names
   */
  select(rows: SQL, order: SQL): SQL {
    // OFFSET 0 keeps the planner from writing JSON out as text twice: to measure it, and to send it.
    const texts = sql`select ${this.#each((column) => this.#text(column))}${this.#storedSizes()} from (${rows}) rows offset 0`;
    const bytes = sql.join(
      this.#columns.filter(isUnbounded).map((column) => this.#bytes(column)),
      sql` + `,
    );
    const summed = sql`select *, ${bytes} as bytes, sum(${bytes}) over (order by ${order} rows unbounded preceding) as bytes_so_far from (${texts}) texts`;
    const contents = this.#each((column) =>
      isUnbounded(column) ? sql`case when bytes_so_far <= ${this.#room} then ${name(column)} end` : name(column),
    );
    return sql`select ${contents}, case when bytes_so_far > ${this.#room} then bytes end as unread from (${summed}) summed`;
  }

  /**
   * {@link select} for a thousand rows at most. Where the table has no JSON each row is measured by itself, since a running sum
   * takes a sixth of the time of a page of short rows.
   */
  list(rows: SQL, order: SQL): SQL {
    if (this.#columns.some((column) => column instanceof PgJsonb)) return this.select(rows, order);
    const bytes = sql.join(
      this.#columns.filter(isUnbounded).map((column) => this.#bytes(column)),
      sql` + `,
    );
    const contents = this.#each((column) =>
      isUnbounded(column) ? sql`case when ${bytes} <= ${SHORT_ROW} then ${name(column)} end` : name(column),
    );
    return sql`select ${contents}, case when ${bytes} > ${SHORT_ROW} then ${bytes} end as unread from (${rows}) rows order by ${order}`;
  }

  /** Whether a row's contents alone fit. JSON is measured as it is once it is decompressed, which is no text yet. */
  fits(): SQL {
    const sizes = this.#columns.filter(isUnbounded).map((column) => {
      const size = column instanceof PgJsonb ? sql`pg_column_size(array[${column}])` : sql`octet_length(${column})`;
      return sql`coalesce(${size}, 0)`;
    });
    return sql`${sql.join(sizes, sql` + `)} <= ${this.#room}`;
  }

  #each(expression: (column: PgColumn) => SQL): SQL {
    const columns = this.#columns.map((column) => sql`${expression(column)} as ${name(column)}`);
    return sql.join(columns, sql`, `);
  }

  /** JSON as text, unless it takes more room than there is even as it is stored, which is known without reading it. */
  #text(column: PgColumn): SQL {
    if (!(column instanceof PgJsonb)) return name(column);
    return sql`case when pg_column_size(${name(column)}) <= ${this.#room} then ${name(column)}::text end`;
  }

  #storedSizes(): SQL {
    const sizes = this.#columns
      .filter((column) => column instanceof PgJsonb)
      .map((column) => sql`, pg_column_size(${name(column)}) as ${stored(column)}`);
    return sql.join(sizes);
  }

  #bytes(column: PgColumn): SQL {
    const length = sql`octet_length(${name(column)})`;
    return column instanceof PgJsonb
      ? sql`coalesce(${length}, greatest(${stored(column)}, ${this.#room} + 1), 0)`
      : sql`coalesce(${length}, 0)`;
  }
}

const stored = (column: PgColumn): SQL => sql`${sql.identifier(`stored_${column.name}`)}`;
