import { and, desc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import { v7 as uuidv7 } from "uuid";
import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import { type Page, type PageRequest, pageWindow, toPage } from "../contract/page.ts";
import type { EntityDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/sql.ts";
import { type RowMapper, rowMapper } from "./row-mapper.ts";
import { compile, given, lazily, queryBuilder, run, type Statement, type StatementValues } from "./statement.ts";

/** A table with the columns that every entity has. */
export type EntityTable = PgTable & { readonly id: PgColumn; readonly createdAt: PgColumn };

/** A column that callers write. */
interface WritableColumn {
  readonly name: string;
  /** `null` is no value of a JSON column but the lack of one. */
  readonly isJson: boolean;
  /** What an insert writes where nothing is given. */
  readonly whenMissing: unknown;
}

/**
 * The statements on one table, each built at its first use and kept for the life of the process; sessions share them.
 * An update or a list has one statement for each set of fields that callers really use.
 */
export class EntityStatements<Dto extends object> {
  readonly table: EntityTable;
  readonly columns: Readonly<Record<string, PgColumn>>;
  readonly read: RowMapper<Dto>;
  readonly #writable: readonly WritableColumn[];
  readonly #updates = new Map<string, Statement>();
  readonly #lists = new Map<string, Statement>();

  constructor(table: EntityTable) {
    this.table = table;
    this.columns = getTableColumns(table);
    this.read = rowMapper<Dto>(table);
    this.#writable = Object.entries(this.columns)
      .filter(([name]) => name !== "id" && name !== "createdAt")
      .map(([name, column]) => ({
        name,
        isJson: column.columnType === "PgJsonb",
        whenMissing: column.default ?? null,
      }));
  }

  readonly insert = lazily(() => this.insertion().returning());

  readonly findById = lazily(() =>
    queryBuilder
      .select()
      .from(this.table)
      .where(eq(this.table.id, given("id"))),
  );

  readonly lockById = lazily(() =>
    queryBuilder
      .select()
      .from(this.table)
      .where(eq(this.table.id, given("id")))
      .for("update"),
  );

  readonly delete = lazily(() => queryBuilder.delete(this.table).where(eq(this.table.id, given("id"))));

  /** Inserts one row, all columns but `created_at`; for a statement that does more than that. */
  insertion() {
    const placeholders = Object.keys(this.columns)
      .filter((name) => name !== "createdAt")
      .map((name) => [name, given(name)]);
    return queryBuilder.insert(this.table).values(Object.fromEntries(placeholders));
  }

  /** Sets these columns of one row. */
  update(names: readonly string[]): Statement {
    return remembered(this.#updates, names, () =>
      queryBuilder
        .update(this.table)
        .set(Object.fromEntries(names.map((name) => [name, given(name)])))
        .where(eq(this.table.id, given("id")))
        .returning(),
    );
  }

  /** One page of the rows that equal the given values in these columns, with their total in the first column. */
  list(names: readonly string[]): Statement {
    return remembered(this.#lists, names, () => {
      const filter = and(...names.map((name) => eq(this.#column(name), given(name))));
      const counted = queryBuilder
        .select({ total: sql`count(*)`.as("total") })
        .from(this.table)
        .where(filter)
        .as("counted");
      const page = queryBuilder
        .select()
        .from(this.table)
        .where(filter)
        .orderBy(desc(this.table.createdAt), desc(this.table.id))
        .limit(sql.placeholder("limit"))
        .offset(sql.placeholder("skip"))
        .as("page");
      const inPage = (name: string): SQL => sql`${sql.identifier("page")}.${sql.identifier(this.#column(name).name)}`;
      const pageColumns = Object.keys(this.columns).map((name) => [name, inPage(name)]);
      return queryBuilder
        .select({ total: counted.total, ...Object.fromEntries(pageColumns) })
        .from(counted)
        .leftJoin(page, sql`true`)
        .orderBy(desc(inPage("createdAt")), desc(inPage("id")));
    });
  }

  /**
   * All columns but `created_at`, which is the database's to set: what `owners` say (the rows that this one belongs to,
   * apart from `input`, since to copy what Zod made costs more than all else here), then `input`, else the default.
   */
  insertValues(id: string, input: object, owners: StatementValues = {}): Record<string, unknown> {
    const values: Record<string, unknown> = { id };
    for (const { name, isJson, whenMissing } of this.#writable) {
      const value: unknown = owners[name] ?? Reflect.get(input, name);
      values[name] = value === undefined || (isJson && value === null) ? whenMissing : value;
    }
    return values;
  }

  /** What of `changes` is to be written: known columns that are given. */
  updateValues(id: string, changes: object): StatementValues {
    const values: Record<string, unknown> = { id };
    for (const { name, isJson, whenMissing } of this.#writable) {
      const value: unknown = Reflect.get(changes, name);
      if (value !== undefined) values[name] = isJson && value === null ? whenMissing : value;
    }
    return values;
  }

  #column(name: string): PgColumn {
    const column = this.columns[name];
    if (column === undefined) throw new TypeError(`${name} is no column`);
    return column;
  }
}

function remembered(
  statements: Map<string, Statement>,
  names: readonly string[],
  build: () => Parameters<typeof compile>[0],
): Statement {
  const key = names.join();
  let statement = statements.get(key);
  if (statement === undefined) {
    statement = compile(build());
    statements.set(key, statement);
  }
  return statement;
}

const pagingNames: ReadonlySet<string> = new Set(["page", "pageSize", "skip", "limit"]);

/** CRUD, once, over any table. */
export class TableDao<Dto extends object, Create extends object, Update extends object, List extends PageRequest>
  implements EntityDao<Dto, Create, Update, List>
{
  protected readonly executor: SqlExecutor;
  readonly #statements: EntityStatements<Dto>;

  constructor(executor: SqlExecutor, statements: EntityStatements<Dto>) {
    this.executor = executor;
    this.#statements = statements;
  }

  async create(input: Create, options?: CreateOptions): Promise<Dto> {
    const values = this.#statements.insertValues(options?.id ?? uuidv7(), input);
    const { rows } = await run(this.executor, this.#statements.insert(), values, options);
    return this.#one(rows[0]) ?? raiseNoRow();
  }

  async findById(id: string, options?: CallOptions): Promise<Dto | null> {
    const { rows } = await run(this.executor, this.#statements.findById(), { id }, options);
    return this.#one(rows[0]);
  }

  async lockById(id: string, options?: CallOptions): Promise<Dto | null> {
    const { rows } = await run(this.executor, this.#statements.lockById(), { id }, options);
    return this.#one(rows[0]);
  }

  async list(request?: List, options?: CallOptions): Promise<Page<Dto>> {
    const window = pageWindow(request ?? {});
    const values: Record<string, unknown> = { ...window };
    const names: string[] = [];
    for (const [name, value] of Object.entries(request ?? {})) {
      if (value === undefined || pagingNames.has(name)) continue;
      names.push(name);
      values[name] = value;
    }
    const { rows } = await run(this.executor, this.#statements.list(names.sort()), values, options);
    // A page beyond the last row is one row that holds nothing but the total.
    const items = rows.filter((row) => row[1] !== null).map((row) => this.#statements.read(row, 1));
    return toPage(items, Number(rows[0]?.[0] ?? 0), window);
  }

  async update(id: string, changes: Update, options?: CallOptions): Promise<Dto | null> {
    const values = this.#statements.updateValues(id, changes);
    const names = Object.keys(values).filter((name) => name !== "id");
    if (names.length === 0) return this.findById(id, options);
    const { rows } = await run(this.executor, this.#statements.update(names), values, options);
    return this.#one(rows[0]);
  }

  async delete(id: string, options?: CallOptions): Promise<boolean> {
    const { count } = await run(this.executor, this.#statements.delete(), { id }, options);
    return count > 0;
  }

  #one(row: readonly unknown[] | undefined): Dto | null {
    return row === undefined ? null : this.#statements.read(row);
  }
}

/** An INSERT … RETURNING answers its row, unless a trigger that is not ours swallowed it. */
function raiseNoRow(): never {
  throw new Error("The database answered no row to an INSERT … RETURNING; look for a trigger on the table.");
}
