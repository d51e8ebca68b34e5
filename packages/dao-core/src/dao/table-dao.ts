import { eq, type SQL } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import type { Page, PageRequest } from "../contract/page.ts";
import type { EntityDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/driver.ts";
import type { EntityTable } from "./entity-table.ts";
import { ListStatements } from "./list-statements.ts";
import { type RowMapper, rowMapper } from "./row-mapper.ts";
import { RowValues } from "./row-values.ts";
import { compile, given, lazily, lazilyShort, queryBuilder, run, type Statement, StatementCache } from "./statement.ts";

/**
 * The statements on one table, each built at its first use and kept for the life of the process; sessions share them.
 * An update has one for each set of fields that callers really use.
 */
export class EntityStatements<Dto extends object> extends RowValues {
  readonly table: EntityTable;
  readonly read: RowMapper<Dto>;
  readonly lists: ListStatements<Dto>;
  readonly #updates = new StatementCache();
  readonly #assignments: Readonly<Record<string, SQL>>;

  /** @param assignments what an update sets a column to, where that is not just what is given for it */
  constructor(table: EntityTable, assignments: Readonly<Record<string, SQL>> = {}) {
    super(table);
    this.table = table;
    this.#assignments = assignments;
    this.read = rowMapper<Dto>(table);
    this.lists = new ListStatements(table, this.columns, this.read);
  }

  readonly insert = lazily(() => this.insertion().returning());

  readonly findById = lazilyShort(() =>
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
    return this.#updates.get(names.join(), () =>
      compile(
        queryBuilder
          .update(this.table)
          .set(Object.fromEntries(names.map((name) => [name, this.#assignments[name] ?? given(name)])))
          .where(eq(this.table.id, given("id")))
          .returning(),
      ),
    );
  }
}

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

  list(request?: List, options?: CallOptions): Promise<Page<Dto>> {
    return this.#statements.lists.page(this.executor, request ?? {}, options);
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
