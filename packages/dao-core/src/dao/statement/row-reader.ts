import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { CallOptions } from "../../contract/call-options.ts";
import type { EntityTable } from "../../schema/columns.ts";
import type { SqlExecutor, SqlRow } from "../../session/driver.ts";
import { nextTurn } from "../../session/waiting/event-loop.ts";
import { GuardedRows } from "../list/guarded-rows.ts";
import { ListStatements } from "../list/list-statements.ts";
import type { RowMapper } from "./row-mapper.ts";
import { prepared, run, written } from "./statement.ts";

/** A row that is larger than one piece. */
export interface UnreadRow {
  readonly id: string;
  readonly bytes: number;
}

/** Reads the rows of one table, up to `room` bytes of text and JSON at a time. */
export class RowReader<Dto extends object> {
  readonly lists: ListStatements;
  readonly #guarded: GuardedRows;
  readonly #table: EntityTable;
  readonly #read: RowMapper<Dto>;
  readonly #room: number;
  readonly #id: number;
  readonly #unread: number;

  constructor(table: EntityTable, columns: Readonly<Record<string, PgColumn>>, read: RowMapper<Dto>, room: number) {
    this.#table = table;
    this.#read = read;
    this.#room = room;
    this.#guarded = new GuardedRows(columns, room);
    this.lists = new ListStatements(table, columns, this.#guarded);
    const names = Object.keys(columns);
    this.#id = names.indexOf("id");
    this.#unread = names.length;
  }

  readonly #byIds = prepared("read", () => {
    const ids = sql`${sql.placeholder("ids")}::uuid[]`;
    const rows = sql`select * from ${this.#table} where id = any(${ids})`;
    return written(this.guard(rows, sql`array_position(${ids}, id)`));
  });

  /** Whether a row can be read whole. */
  isShort(): SQL {
    return this.#guarded.fits();
  }

  /** The guarded rows of a query, in this order; `undefined` for at most one row. */
  guard(rows: SQL, order: SQL | undefined): SQL {
    return this.#guarded.select(rows, order);
  }

  /** {@link guard} for a thousand rows at most. */
  guardList(rows: SQL, order: SQL): SQL {
    return this.#guarded.list(rows, order);
  }

  /** The DTOs of the guarded rows that came with their contents; `undefined` if one did not. */
  ready(rows: readonly SqlRow[]): Dto[] | undefined {
    return rows.every((row) => row[this.#unread] === null) ? rows.map((row) => this.#read(row)) : undefined;
  }

  /** All of these guarded rows; those without contents are read as the caller iterates. Rows deleted meanwhile are left out. */
  async *pieces(
    executor: SqlExecutor,
    left: readonly SqlRow[],
    options?: CallOptions,
  ): AsyncGenerator<Dto[] | UnreadRow, void, undefined> {
    while (left.length > 0) {
      const batch = this.#batch(left);
      // Rows that were passed on are not kept while the rest is read.
      left = left.slice(batch.length);
      const [first] = batch;
      const bytes = first?.[this.#unread];
      if (bytes === null) {
        await nextTurn();
        yield batch.map((row) => this.#read(row));
      } else if (Number(bytes) > this.#room) yield { id: String(first?.[this.#id]), bytes: Number(bytes) };
      else {
        const ids = `{${batch.map((row) => row[this.#id]).join()}}`;
        const found = await run(executor, this.#byIds(), { ids }, options);
        yield* this.pieces(executor, found.rows, options);
      }
    }
  }

  /** The next rows of a kind: all with their contents, or a single too long one, or as many as fit. */
  #batch(rows: readonly SqlRow[]): readonly SqlRow[] {
    let end = 0;
    let bytes = 0;
    const isRead = rows[0]?.[this.#unread] === null;
    for (; end < rows.length; end++) {
      const unread = rows[end]?.[this.#unread];
      if ((unread === null) !== isRead) break;
      bytes += Number(unread);
      if (bytes > this.#room && end > 0) break;
    }
    return rows.slice(0, end);
  }
}
