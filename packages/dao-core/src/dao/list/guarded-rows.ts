import { type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgJsonb, PgText } from "drizzle-orm/pg-core";
import { resultValue } from "../statement/text-columns.ts";

/** What a query for measured rows has besides them. */
interface Rest {
  readonly order: SQL | undefined;
  readonly total: SQL | undefined;
}

const name = (column: PgColumn): SQL => sql`${sql.identifier(column.name)}`;
const isJson = (column: PgColumn): boolean => column instanceof PgJsonb;

/** Whether PostgreSQL sets no bound to what a column holds. A checked title is among them: adopted rows can be longer. */
export const isUnbounded = (column: PgColumn): boolean => isJson(column) || column instanceof PgText;

/** Bytes of text up to which a row of a table without JSON is read with as many as a thousand others. */
const SHORT_ROW = sql.raw("8192");

/**
 * The rows of a query on one table, their contents as far as `room` bytes of them go: the others come without their text and
 * JSON, and with the number of bytes that these have, so that what a statement returns is bounded whatever rows hold.
 */
export class GuardedRows {
  readonly #columns: readonly PgColumn[];
  /** What each column is called in a result: as the DTO has it. */
  readonly #fields: readonly string[];
  readonly #room: SQL;

  constructor(columns: Readonly<Record<string, PgColumn>>, room: number) {
    this.#columns = Object.values(columns);
    this.#fields = Object.keys(columns);
    this.#room = sql.raw(String(room));
  }

  /**
   * The columns of the table in their order, and one more: `null` where the contents are there, else how many bytes they have, as
   * far as that is known without writing them out.
   * @param rows a query for all columns of the table
   * @param order of the rows, by the columns' own names; `undefined` where there is one row at most
   * @param total a query for a number, which is in a last column of each row, and in one row where there are none
   */
  select(rows: SQL, order: SQL | undefined, total?: SQL): SQL {
    // OFFSET 0 keeps the planner from doing twice what takes long: to decompress JSON, and to write it out.
    const sized = sql`select ${this.#each(name)}, ${this.#bytes(sizeOf)} as size from (${rows}) rows offset 0`;
    const soFar = order === undefined ? sql`size` : sql`sum(size) over (order by ${order} rows unbounded preceding)`;
    const summed = sql`select *, ${soFar} as so_far from (${sized}) sized`;
    const rest = { order, total };
    return this.#columns.some(isJson) ? this.#written(summed, rest) : this.#read(summed, this.#fits(), sql`size`, rest);
  }

  /**
   * JSON as text, if it is not much longer than its row was taken for; so that the others need not be read at all, these are found
   * out first. The first row is read in any case, if it fits, or is said not to.
   */
  #written(summed: SQL, rest: Rest): SQL {
    const bytes = sql`case when ${this.#fits()} then ${this.#bytes(decompressedSize)} else size end`;
    const measured = sql`select ${this.#each(name)}, size, so_far, ${bytes} as bytes from (${summed}) summed offset 0`;
    const most = sql`greatest(${sql.raw(String(RATIO))} * size, case when so_far = size then ${this.#room} end)`;
    const texts = this.#each((column) =>
      isJson(column)
        ? sql`case when ${this.#fits()} and bytes <= ${most} then ${name(column)}::text end`
        : name(column),
    );
    const written = sql`select ${texts}, size, so_far, bytes from (${measured}) measured offset 0`;
    const length = this.#columns.filter(isJson).map((column) => octetLength(column));
    const isRead = sql`coalesce(${sql.join(length, sql` + `)} <= ${sql.raw(String(WRITTEN_RATIO))} * bytes, false)`;
    return this.#read(
      written,
      isRead,
      sql`case when so_far = size then greatest(bytes, ${this.#room} + 1) else bytes end`,
      rest,
    );
  }

  #read(rows: SQL, isRead: SQL, bytes: SQL, { order, total }: Rest): SQL {
    const contents = this.#columns.map((column, index) => {
      const content = isUnbounded(column) ? sql`case when ${isRead} then ${name(column)} end` : name(column);
      return sql`${resultValue(column, content)} as ${sql.identifier(this.#fields[index] ?? "")}`;
    });
    // At least one, so that none is taken for a row that was read.
    const unread = sql`case when not (${isRead}) then greatest(${bytes}, 1) end as unread`;
    const results = sql`${sql.join(contents, sql`, `)}, ${unread}`;
    const ordered = order === undefined ? sql`` : sql` order by ${order}`;
    if (total === undefined) return sql`select ${results} from (${rows}) guarded${ordered}`;
    return sql`select ${results}, counted.total from (${total}) counted left join (${rows}) guarded on true${ordered}`;
  }

  #fits(): SQL {
    return sql`so_far <= ${this.#room}`;
  }

  /**
   * {@link select} for a thousand rows at most. Where the table has no JSON each row is measured by itself, since a running sum
   * takes a sixth of the time of a page of short rows.
   */
  list(rows: SQL, order: SQL, total?: SQL): SQL {
    if (this.#columns.some(isJson)) return this.select(rows, order, total);
    const bytes = this.#bytes(octetLength);
    return this.#read(rows, sql`${bytes} <= ${SHORT_ROW}`, bytes, { order, total });
  }

  /** Whether a row's contents alone fit. JSON is measured as it is once it is decompressed, which is no text yet. */
  fits(): SQL {
    const sizes = this.#columns.filter(isUnbounded).map((column) => {
      const size = isJson(column) ? sql`pg_column_size(array[${column}])` : sql`octet_length(${column})`;
      return sql`coalesce(${size}, 0)`;
    });
    return sql`${sql.join(sizes, sql` + `)} <= ${this.#room}`;
  }

  #each(expression: (column: PgColumn) => SQL): SQL {
    const columns = this.#columns.map((column) => sql`${expression(column)} as ${name(column)}`);
    return sql.join(columns, sql`, `);
  }

  #bytes(measure: (column: PgColumn) => SQL): SQL {
    const sizes = this.#columns.filter(isUnbounded).map((column) => sql`coalesce(${measure(column)}, 0)`);
    return sql.join(sizes, sql` + `);
  }
}

/** Bytes of stored JSON that are always decompressed to be measured, and what longer JSON is taken for, by its stored bytes. */
const SMALL = 8_192;
const USUAL_RATIO = 4;
/** How much longer than it was taken for JSON may be to be read with its row, and how much longer its text, which has numbers in full. */
const RATIO = 4;
const WRITTEN_RATIO = 32;

const octetLength = (column: PgColumn): SQL => sql`octet_length(${name(column)})`;

/** Text tells its length as it is stored. An array is made of a value itself, not of what that is stored as. */
const decompressedSize = (column: PgColumn): SQL =>
  isJson(column) ? sql`pg_column_size(array[${name(column)}])` : octetLength(column);

function sizeOf(column: PgColumn): SQL {
  if (!isJson(column)) return octetLength(column);
  const stored = sql`pg_column_size(${name(column)})`;
  return sql`case when ${stored} <= ${sql.raw(String(SMALL))} then ${decompressedSize(column)} else ${sql.raw(String(USUAL_RATIO))} * ${stored} end`;
}
