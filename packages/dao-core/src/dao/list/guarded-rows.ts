import { type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgJsonb, PgText } from "drizzle-orm/pg-core";
import type { CallOptions } from "../../contract/call-options.ts";
import { literal } from "../../schema/columns.ts";
import type { SchemaExecutor, SqlRow } from "../../session/driver.ts";
import { nextTurn } from "../../session/waiting/event-loop.ts";
import { prepared, run, takeRows, written } from "../statement/statement.ts";
import { resultValue } from "../statement/text-columns.ts";
import { type EntityRows, listStatements } from "./list-statements.ts";

const name = (column: PgColumn): SQL => sql`${sql.identifier(column.name)}`;
const isJson = (column: PgColumn): boolean => column instanceof PgJsonb;

/** Whether the type of a column has no limit. A title's CHECK does not count, since adopted rows can violate it. */
export const isUnbounded = (column: PgColumn): boolean => isJson(column) || column instanceof PgText;

const octetLength = (column: PgColumn): SQL => sql`octet_length(${name(column)})`;

/** The length of text is stored with it; JSON must be decompressed, by putting it into an array. */
const decompressedSize = (column: PgColumn): SQL =>
  isJson(column) ? sql`pg_column_size(array[${name(column)}])` : octetLength(column);

/** Stored JSON up to this many bytes is decompressed for measuring; the size of longer JSON is estimated by this factor. */
const SMALL = literal(8_192);
const USUAL_RATIO = literal(4);

function estimatedSize(column: PgColumn): SQL {
  if (!isJson(column)) return octetLength(column);
  const stored = sql`pg_column_size(${name(column)})`;
  return sql`case when ${stored} <= ${SMALL} then ${decompressedSize(column)} else ${USUAL_RATIO} * ${stored} end`;
}

/** Maximum factors by which JSON may exceed its estimated size and still be read with its row: decompressed, and as text. */
const RATIO = sql`${literal(4)}::bigint`;
const WRITTEN_RATIO = sql`${literal(32)}::bigint`;

/** Maximum bytes of a row without JSON that is read together with up to a thousand others. */
const SHORT_ROW = literal(8_192);

export type GuardedRows<Dto extends object> = ReturnType<typeof guardedRows<Dto>>;

/**
 * The rows of a query on one table, with their contents until these reach `bytesAtOnce` in total. The others have their size in place
 * of text and JSON, so that the result of a statement is bounded; they are read later.
 */
export function guardedRows<Dto extends object>(entity: EntityRows<Dto>, bytesAtOnce: number) {
  const columns = Object.values(entity.columns);
  const hasJson = columns.some(isJson);
  const room = literal(bytesAtOnce);
  /** The positions, in a row, of its key and of its size if it has no contents. */
  const [idAt, unreadAt] = [Object.keys(entity.columns).indexOf("id"), columns.length];
  const byIds = prepared("read", () => {
    const ids = sql`${sql.placeholder("ids")}::uuid[]`;
    return written(select(sql`select * from ${entity.table} where id = any(${ids})`, sql`array_position(${ids}, id)`));
  });
  return { lists: listStatements(entity, list), select, list, fits, takeReady, pieces };

  /** The table's columns, and `null` if the row has its contents, otherwise their size as far as it is known; then a `key`. */
  function select(rows: SQL, order?: SQL, key?: SQL): SQL {
    // OFFSET 0 keeps the planner from decompressing and serializing JSON twice.
    const sized = sql`select ${each(name)}, ${bytesOf(estimatedSize)} as size from (${rows}) rows offset 0`;
    const soFar = order === undefined ? sql`size` : sql`sum(size) over (order by ${order} rows unbounded preceding)`;
    const summed = sql`select *, ${soFar} as so_far from (${sized}) sized`;
    const fits = sql`so_far <= ${room}`;
    return hasJson ? selectWritten(summed, fits, order, key) : guard(summed, fits, sql`size`, order, key);
  }

  /** JSON as text, unless it is much longer than estimated, which is detected first. The first row is read if it fits. */
  function selectWritten(summed: SQL, fits: SQL, order: SQL | undefined, key: SQL | undefined): SQL {
    const bytes = sql`case when ${fits} then ${bytesOf(decompressedSize)} else size end`;
    const measured = sql`select ${each(name)}, size, so_far, ${bytes} as bytes from (${summed}) summed offset 0`;
    const most = sql`greatest(${RATIO} * size, case when so_far = size then ${room} end)`;
    const texts = each((column) =>
      isJson(column) ? sql`case when ${fits} and bytes <= ${most} then ${name(column)}::text end` : name(column),
    );
    const written = sql`select ${texts}, size, so_far, bytes from (${measured}) measured offset 0`;
    const length = sql.join(columns.filter(isJson).map(octetLength), sql` + `);
    const isRead = sql`coalesce(${length} <= ${WRITTEN_RATIO} * bytes, false)`;
    const reported = sql`case when so_far = size then greatest(bytes, ${room} + 1) else bytes end`;
    return guard(written, isRead, reported, order, key);
  }

  function guard(rows: SQL, isRead: SQL, bytes: SQL, order?: SQL, key?: SQL): SQL {
    const contents = Object.entries(entity.columns).map(([field, column]) => {
      const content = isUnbounded(column) ? sql`case when ${isRead} then ${name(column)} end` : name(column);
      return sql`${resultValue(column, content)} as ${sql.identifier(field)}`;
    });
    // At least 1, so that an unread row is never mistaken for one that was read.
    const unread = sql`case when not (${isRead}) then greatest(${bytes}, 1) end as unread`;
    const results = sql.join([...contents, unread, ...(key === undefined ? [] : [key])], sql`, `);
    const ordered = order === undefined ? sql`` : sql` order by ${order}`;
    return sql`select ${results} from (${rows}) guarded${ordered}`;
  }

  /** {@link select} for at most a thousand rows, each measured by itself if there is no JSON: a running sum takes longer. */
  function list(rows: SQL, order: SQL, key?: SQL): SQL {
    if (hasJson) return select(rows, order, key);
    const bytes = bytesOf(octetLength);
    return guard(rows, sql`${bytes} <= ${SHORT_ROW}`, bytes, order, key);
  }

  /** Whether a single row's contents fit, with JSON measured decompressed, not as text. */
  function fits(): SQL {
    return sql`${bytesOf(decompressedSize)} <= ${room}`;
  }

  function each(expression: (column: PgColumn) => SQL): SQL {
    return sql.join(
      columns.map((column) => sql`${expression(column)} as ${name(column)}`),
      sql`, `,
    );
  }

  function bytesOf(measure: (column: PgColumn) => SQL): SQL {
    const sizes = columns.filter(isUnbounded).map((column) => sql`coalesce(${measure(column)}, 0)`);
    return sql.join(sizes, sql` + `);
  }

  /** The DTOs of guarded rows that came with their contents, which are then removed; `undefined` if one did not. */
  function takeReady(rows: SqlRow[]): Dto[] | undefined {
    return rows.every((row) => row[unreadAt] === null) ? takeRows(rows, entity.read) : undefined;
  }

  /**
   * All of these rows, a row that is larger than one piece by its id; those without contents are read as the caller iterates, and
   * omitted if deleted in the meantime.
   */
  async function* pieces(
    executor: SchemaExecutor,
    left: readonly SqlRow[],
    options?: CallOptions,
  ): AsyncGenerator<Dto[] | { readonly id: string; readonly bytes: number }, void, undefined> {
    while (left.length > 0) {
      const batch = nextBatch(left);
      // Releases the rows that were yielded while the rest is read.
      left = left.slice(batch.length);
      const [first] = batch;
      const bytes = first?.[unreadAt];
      if (bytes === null) {
        await nextTurn();
        yield batch.map((row) => entity.read(row));
      } else if (Number(bytes) > bytesAtOnce) yield { id: String(first?.[idAt]), bytes: Number(bytes) };
      else {
        const ids = `{${batch.map((row) => row[idAt]).join()}}`;
        const found = await run(executor, byIds(), { ids }, options);
        yield* pieces(executor, found.rows, options);
      }
    }
  }

  /** The next rows: all those with contents, or a single one that is too long, or as many as fit. */
  function nextBatch(rows: readonly SqlRow[]): readonly SqlRow[] {
    let bytes = 0;
    const isRead = rows[0]?.[unreadAt] === null;
    const end = rows.findIndex((row, index) => {
      const unread = row[unreadAt];
      bytes += Number(unread);
      return (unread === null) !== isRead || (bytes > bytesAtOnce && index > 0);
    });
    return end === -1 ? rows : rows.slice(0, end);
  }
}
