import { getTableName } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { v7 as uuidv7 } from "uuid";
import type { ConversationDto } from "../contract/conversation.ts";
import type { DemoFlagsDto } from "../contract/demo-flags.ts";
import type { GoalDto } from "../contract/goal.ts";
import type { MilestoneDto } from "../contract/milestone.ts";
import { PAGING_NAMES, type Page, type PageRequest, pageWindow } from "../contract/page.ts";
import type { TaskDto } from "../contract/task.ts";
import type { UserDto } from "../contract/user.ts";
import { conversations } from "../schema/conversations.ts";
import { demoFlags } from "../schema/demo-flags.ts";
import { goals } from "../schema/goals.ts";
import { milestones } from "../schema/milestones.ts";
import { tasks } from "../schema/tasks.ts";
import { users } from "../schema/users.ts";
import type { SqlParameter } from "../session/driver.ts";
import { type ListPosition, readCursor } from "./list/list-cursor.ts";
import { EXACT_UP_TO, type ListRows, listPage, listTotal } from "./list/list-page.ts";
import { type RowMapper, rowMapper } from "./statement/row-mapper.ts";
import { RowValues } from "./statement/row-values.ts";
import { encode } from "./statement/statement.ts";

/** Values by the names of their columns, as every driver sends them alike: instants and JSON are text. */
export type ColumnValues = Readonly<Record<string, SqlParameter>>;

/** A list, as a query is made of it. Newest first means: by `created_at`, then `id`, both descending. */
export interface ListPlan<Dto> {
  /** What columns must equal. */
  readonly filters: ColumnValues;
  /** The row behind which the list begins: those with a smaller `(created_at, id)`. */
  readonly behind: ListPosition | undefined;
  /** How many rows to pass over. */
  readonly skip: number;
  /** How many rows to read: one more than the page has, which tells whether there is another page. */
  readonly limit: number;
  /** How many rows that meet the filters to count, at the most: `undefined` is all of them. */
  readonly countUpTo: number | undefined;
  /**
   * The page of the rows that were read.
   * @param rows by the names of their columns, `created_at` as text, in the list's order
   * @param counted how many rows meet the filters, as far as was to be counted
   * @param estimate asks the planner, where there are more
   */
  toPage(rows: readonly object[], counted: number, estimate: () => Promise<number>): Promise<Page<Dto>>;
}

/** The rows of one table, for those who read and write them by an ORM of their own. */
export class EntityRows<Dto extends object> {
  /** The table's name. */
  readonly table: string;
  /** The names of its columns. */
  readonly columns: readonly string[];
  readonly #values: RowValues;
  readonly #read: RowMapper<Dto>;
  readonly #columnOf: ReadonlyMap<string, string>;
  readonly #listed: ListRows<object, Dto> = {
    read: (row) => this.read(row),
    placeOf: (row) => [Reflect.get(row, "created_at"), Reflect.get(row, "id")],
  };

  constructor(table: PgTable) {
    this.table = getTableName(table);
    this.#values = new RowValues(table);
    this.#read = rowMapper<Dto>(table);
    this.#columnOf = new Map(Object.entries(this.#values.columns).map(([name, column]) => [name, column.name]));
    this.columns = [...this.#columnOf.values()];
  }

  /**
   * A new row, with the defaults where nothing is given, but without `created_at`, which is the database's to set.
   * @param owners the rows that this one belongs to, as DTOs name them, where `input` does not say so
   * @param id default: a new UUIDv7
   * @throws ValidationError for text and dates that PostgreSQL would store as something else
   */
  insertion(input: object, owners: Readonly<Record<string, unknown>> = {}, id: string = uuidv7()): ColumnValues {
    return this.#toColumns(this.#values.insertValues(id, input, owners));
  }

  /** What of `changes` is to be written; nothing, perhaps. @throws ValidationError as {@link insertion} does */
  changes(changes: object): ColumnValues {
    const { id: _, ...values } = this.#values.updateValues("", changes);
    return this.#toColumns(values);
  }

  /**
   * The DTO of a row: of an object with the columns' names, whose values are as a driver parses them, or text. Instants
   * should be text: PostgreSQL has some that a `Date` cannot hold.
   */
  read(row: object): Dto {
    return this.#read(this.columns.map((column): unknown => Reflect.get(row, column)));
  }

  /** @throws ValidationError for a cursor that no page has answered */
  list(request: PageRequest = {}): ListPlan<Dto> {
    const filters = Object.entries(request).filter(([name, value]) => value !== undefined && !PAGING_NAMES.has(name));
    const { count = "exact", cursor } = request;
    const window = pageWindow(request);
    return {
      filters: this.#toColumns(Object.fromEntries(filters)),
      behind: cursor === undefined ? undefined : readCursor(cursor),
      skip: window.skip,
      limit: window.limit + 1,
      countUpTo: { exact: undefined, estimated: EXACT_UP_TO + 1, none: 0 }[count],
      toPage: async (rows, counted, estimate) =>
        listPage(rows, await listTotal(count, counted, estimate), window, this.#listed),
    };
  }

  #toColumns(values: Readonly<Record<string, unknown>>): ColumnValues {
    const entries = Object.entries(values).flatMap(([name, value]) => {
      const column = this.#columnOf.get(name);
      if (column !== undefined) return [[column, encode(name, value)] as const];
      // A table whose key is another's has no id to be made.
      if (name === "id") return [];
      throw new TypeError(`${name} is no column of ${this.table}`);
    });
    return Object.fromEntries(entries);
  }
}

/** The rows of all entities. */
export const entityRows = {
  users: new EntityRows<UserDto>(users),
  goals: new EntityRows<GoalDto>(goals),
  milestones: new EntityRows<MilestoneDto>(milestones),
  tasks: new EntityRows<TaskDto>(tasks),
  conversations: new EntityRows<ConversationDto>(conversations),
  demoFlags: new EntityRows<DemoFlagsDto>(demoFlags),
};
