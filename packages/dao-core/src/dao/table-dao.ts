import { and, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import { type PgColumn, PgJsonb } from "drizzle-orm/pg-core";
import { v7 } from "uuid";
import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import type { Page, PageRequest } from "../contract/page.ts";
import type { EntityTable } from "../schema/columns.ts";
import type { EntityDao, PageInPieces } from "../session/database-session.ts";
import type { SchemaExecutor, SqlRow } from "../session/driver.ts";
import { PIECE_BYTES, RESULT_BYTES } from "../session/limits.ts";
import { withDeadline } from "../session/waiting/deadline.ts";
import { type GuardedRows, guardedRows } from "./list/guarded-rows.ts";
import type { EntityRows } from "./list/list-statements.ts";
import { longRows } from "./list/long-rows.ts";
import {
  compile,
  param,
  prepared,
  queryBuilder,
  rowMapper,
  run,
  type Statement,
  StatementCache,
  type StatementValues,
  written,
} from "./statement/statement.ts";
import { columnOf, columnParam, resultColumns, returnedColumns } from "./statement/text-columns.ts";

/** The id of a new row: a UUIDv7, so that ids are roughly in order of creation. */
export function newId(): string {
  return v7();
}

export type EntityStatements<Dto extends object> = ReturnType<typeof entityStatements<Dto>>;

/**
 * The statements on one table, compiled at their first use and shared by all sessions; an update for each set of fields.
 * @param assignments the columns that an update does not simply set to the given value
 */
export function entityStatements<Dto extends object>(
  table: EntityTable,
  assignments: Readonly<Record<string, SQL>> = {},
) {
  const columns: Readonly<Record<string, PgColumn>> = getTableColumns(table);
  const newColumns = Object.entries(columns).filter(([name]) => name !== "createdAt");
  /** The columns that callers write. */
  const writable = newColumns.filter(([name]) => name !== "id");
  const results = resultColumns(columns);
  const returned = returnedColumns(columns);
  const entity: EntityRows<Dto> = { table, columns, read: rowMapper<Dto>(table) };
  const pieces = guardedRows(entity, PIECE_BYTES);
  const updates = new StatementCache();
  const guardedUpdates = new StatementCache();
  return {
    ...entity,
    /** Reads rows for callers in this process, which keep all of them. */
    rows: guardedRows(entity, RESULT_BYTES),
    /** Reads rows for callers that pass them on. */
    pieces,
    longRows: longRows(entity),
    /** The columns of a new row: all but `created_at`, which the database sets. */
    newColumns,
    insertValues,
    updateValues,
    insertion,
    insert: prepared("write", () => insertion().returning(returned)),
    findById: prepared("point", () => select()),
    /** Finds the row if it is short enough to read whole; a shorter statement than `findGuarded`. */
    findShort: prepared("point", () => select(pieces.fits())),
    findGuarded: prepared("point", () => written(pieces.select(sql`select * from ${table} where id = ${param("id")}`))),
    lockById: prepared("write", () => select().for("update")),
    delete: prepared("write", () =>
      queryBuilder
        .delete(table)
        .where(eq(table.id, param("id")))
        .returning({ id: table.id }),
    ),
    /** Sets these columns of one row. */
    update: (names: readonly string[]): Statement => updates.get(names.join(), () => updateWhere(names, undefined)),
    /** The same, but returns a guarded row. */
    updateGuarded: (names: readonly string[]): Statement =>
      guardedUpdates.get(names.join(), () => {
        const updated = pieces.select(sql`select * from updated`);
        const update = updating(names, undefined).returning().getSQL();
        return compile("write", written(sql`with updated as (${update}) ${updated}`));
      }),
    updateWhere,
  };

  /**
   * All columns but `created_at`, which the database sets, from `owners` (the rows that this one belongs to), `input` or the
   * default. `owners` is separate because copying Zod's output would cost more than everything else here.
   */
  function insertValues(id: string, input: object, owners: StatementValues = {}): Record<string, unknown> {
    const values: Record<string, unknown> = { id };
    for (const [name, column] of writable) {
      const value: unknown = owners[name] ?? Reflect.get(input, name);
      values[name] = isMissing(column, value) ? (column.default ?? null) : value;
    }
    return values;
  }

  /** The columns that `changes` contains, by the names of the DTO, and their values with the id. */
  function updateValues(
    id: string,
    changes: object,
  ): { readonly names: readonly string[]; readonly values: StatementValues } {
    const names: string[] = [];
    const values: Record<string, unknown> = { id };
    for (const [name, column] of writable) {
      const value: unknown = Reflect.get(changes, name);
      if (value === undefined) continue;
      names.push(name);
      values[name] = isMissing(column, value) ? column.default : value;
    }
    return { names, values };
  }

  function select(condition?: SQL) {
    return queryBuilder
      .select(results)
      .from(table)
      .where(and(eq(table.id, param("id")), condition));
  }

  /** Inserts one row, with all columns but `created_at`, as part of a larger statement. */
  function insertion() {
    const placeholders = newColumns.map(([name, column]) => [name, columnParam(column, name)]);
    return queryBuilder.insert(table).values(Object.fromEntries(placeholders));
  }

  /** Sets columns if a condition holds. After waiting for another writer the condition sees what that wrote. */
  function updateWhere(names: readonly string[], condition: SQL | undefined): Statement {
    return compile("write", updating(names, condition).returning(returned));
  }

  function updating(names: readonly string[], condition: SQL | undefined) {
    const assigned = names.map((name) => [name, assignments[name] ?? columnParam(columnOf(columns, name), name)]);
    return queryBuilder
      .update(table)
      .set(Object.fromEntries(assigned))
      .where(and(eq(table.id, param("id")), condition));
  }
}

/** In a JSON column, `null` means that there is no value. */
function isMissing(column: PgColumn, value: unknown): boolean {
  return value === undefined || (value === null && column instanceof PgJsonb);
}

/** CRUD, once, over any table. */
export class TableDao<Dto extends object, Create extends object, Update extends object, List extends PageRequest>
  implements EntityDao<Dto, Create, Update, List>
{
  protected readonly executor: SchemaExecutor;
  readonly #statements: EntityStatements<Dto>;

  constructor(executor: SchemaExecutor, statements: EntityStatements<Dto>) {
    this.executor = executor;
    this.#statements = statements;
  }

  async create(input: Create, options?: CreateOptions): Promise<Dto> {
    const values = this.#statements.insertValues(options?.id ?? newId(), input);
    return (await this.#one(this.#statements.insert(), values, options)) ?? raiseNoRow();
  }

  findById(id: string, options?: CallOptions): Promise<Dto | null> {
    return this.#one(this.#statements.findById(), { id }, options);
  }

  lockById(id: string, options?: CallOptions): Promise<Dto | null> {
    return this.#one(this.#statements.lockById(), { id }, options);
  }

  list(request?: List, options: CallOptions = {}): Promise<Page<Dto>> {
    return withDeadline(options, (bounded) => this.#list(request, bounded));
  }

  async #list(request: List | undefined, options: CallOptions): Promise<Page<Dto>> {
    const { rows } = this.#statements;
    const page = await rows.lists.page(this.executor, request ?? {}, options);
    const items: Dto[] = [];
    for await (const piece of this.#pieces(rows, page.items, options)) items.push(...piece);
    return { ...page, items };
  }

  count(request?: List, options?: CallOptions): Promise<number> {
    return this.#statements.rows.lists.total(this.executor, request ?? {}, options);
  }

  async listInPieces(request?: List, options?: CallOptions): Promise<PageInPieces<Dto>> {
    const { pieces } = this.#statements;
    const { items, nextCursor } = await pieces.lists.page(this.executor, request ?? {}, options);
    return { rows: this.#pieces(pieces, items, options), nextCursor };
  }

  async *#pieces(
    reader: GuardedRows<Dto>,
    rows: SqlRow[],
    options: CallOptions | undefined,
  ): AsyncGenerator<readonly Dto[], void, undefined> {
    const ready = reader.takeReady(rows);
    if (ready !== undefined) {
      yield ready;
      return;
    }
    for await (const piece of reader.pieces(this.executor, rows, options)) {
      if (Array.isArray(piece)) yield piece;
      else {
        const row = await this.findById(piece.id, options);
        if (row !== null) yield [row];
      }
    }
  }

  update(id: string, changes: Update, options?: CallOptions): Promise<Dto | null> {
    const { names, values } = this.#statements.updateValues(id, changes);
    if (names.length === 0) return this.findById(id, options);
    return this.#one(this.#statements.update(names), values, options);
  }

  /** {@link update} of a row for which the condition holds; compiled each time, for rare cases. */
  protected updateWhere(condition: SQL, id: string, changes: Update, options?: CallOptions): Promise<Dto | null> {
    const { names, values } = this.#statements.updateValues(id, changes);
    return this.#one(this.#statements.updateWhere(names, condition), values, options);
  }

  async delete(id: string, options?: CallOptions): Promise<boolean> {
    const { rows } = await run(this.executor, this.#statements.delete(), { id }, options);
    return rows.length > 0;
  }

  async #one(statement: Statement, values: StatementValues, options?: CallOptions): Promise<Dto | null> {
    const { rows } = await run(this.executor, statement, values, options);
    return rows[0] === undefined ? null : this.#statements.read(rows[0]);
  }
}

/** An INSERT … RETURNING returns its row unless a trigger of others suppressed it. */
export function raiseNoRow(): never {
  throw new Error("The database did not write every row of an INSERT; look for a trigger on the table.");
}
