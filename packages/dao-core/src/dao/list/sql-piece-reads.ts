import { eq, type SQL, sql } from "drizzle-orm";
import type { CallOptions } from "../../contract/call-options.ts";
import type { Page, PageRequest } from "../../contract/page.ts";
import type { TaskTimerangeRequest } from "../../contract/task.ts";
import { milestones, tasks } from "../../schema/tables.ts";
import type { SqlExecutor, SqlRow } from "../../session/driver.ts";
import { PIECE_ROWS } from "../../session/limits.ts";
import {
  isLongRow,
  type ListedEntity,
  type LongRow,
  type OpenGoal,
  type OpenPage,
  type PieceReads,
  type RowPieces,
  type WholeResult,
} from "../../session/piece-reads.ts";
import { conversationStatements } from "../conversation-dao.ts";
import { findGuardedGoal, toRows } from "../goal-relations.ts";
import { goalStatements } from "../goal-statements.ts";
import { milestoneStatements } from "../milestone-dao.ts";
import { param, prepared, run, type Statement, type StatementValues, written } from "../statement/statement.ts";
import type { EntityStatements } from "../table-dao.ts";
import { startsWithin } from "../task-dao.ts";
import { taskStatements } from "../task-statements.ts";
import { userStatements } from "../user-dao.ts";

const entities: Readonly<Record<ListedEntity, EntityStatements<object>>> = {
  users: userStatements,
  goals: goalStatements,
  milestones: milestoneStatements,
  tasks: taskStatements,
  conversations: conversationStatements,
};

/** Rows in an order of their own, `PIECE_ROWS` at a time: each statement goes on after the last row of the one before. */
class OrderedRows {
  readonly entity: EntityStatements<object>;
  readonly first: () => Statement;
  readonly following: () => Statement;
  readonly #keys: readonly string[];

  /**
   * @param keys fields by which the rows are ordered, by the names of the DTO
   * @param order what they are ordered by, and the last row's, of the values of its keys
   */
  constructor(entity: EntityStatements<object>, filter: SQL, keys: readonly string[], order: SQL, last: SQL) {
    this.entity = entity;
    this.#keys = keys;
    const statement = (condition: SQL) => () =>
      written(
        entity.pieces.guardList(
          sql`select * from ${entity.table} where ${condition} order by ${order} limit ${sql.raw(String(PIECE_ROWS))}`,
          order,
        ),
      );
    this.first = prepared("point", statement(filter));
    this.following = prepared("read", statement(sql`${filter} and (${order}) > (${last})`));
  }

  /** What tells the next statement where to go on. */
  cursorKeyOf(row: SqlRow): StatementValues {
    const names = Object.keys(this.entity.columns);
    return Object.fromEntries(this.#keys.map((key) => [`last_${key}`, row[names.indexOf(key)]]));
  }
}

const last = (key: string, type: string): SQL => sql`${param(`last_${key}`)}::${sql.raw(type)}`;

const inTimerange = new OrderedRows(
  taskStatements,
  startsWithin(),
  ["startTime", "id"],
  sql`start_time, id`,
  sql`${last("startTime", "timestamptz")}, ${last("id", "uuid")}`,
);

const goalMilestones = new OrderedRows(
  milestoneStatements,
  sql`${eq(milestones.goalId, param("goalId"))}`,
  ["weekNumber", "createdAt", "id"],
  sql`week_number, created_at, id`,
  sql`${last("weekNumber", "int")}, ${last("createdAt", "timestamptz")}, ${last("id", "uuid")}`,
);

/** A row comparison with a null is null: what has no start comes last by a key of its own. */
const startOrder = (start: SQL): SQL => sql`${start} is null, coalesce(${start}, 'infinity'::timestamptz)`;

const goalTasks = new OrderedRows(
  taskStatements,
  sql`${eq(tasks.goalId, param("goalId"))}`,
  ["startTime", "createdAt", "id"],
  sql`${startOrder(sql`start_time`)}, created_at, id`,
  sql`${startOrder(last("startTime", "timestamptz"))}, ${last("createdAt", "timestamptz")}, ${last("id", "uuid")}`,
);

/** {@link PieceReads} by SQL. */
export class SqlPieceReads implements PieceReads {
  readonly #executor: SqlExecutor;

  constructor(executor: SqlExecutor) {
    this.#executor = executor;
  }

  async list(
    entity: ListedEntity,
    request: PageRequest,
    options?: CallOptions,
  ): Promise<WholeResult<Page<object>> | OpenPage> {
    const statements = entities[entity];
    const page = await statements.pieces.lists.page(this.#executor, request, options);
    const items = statements.pieces.ready(page.items);
    if (items !== undefined) return { whole: { ...page, items } };
    return { page: { ...page, items: [] }, rows: this.#pieces(statements, page.items, options) };
  }

  async find(entity: ListedEntity, id: string, options?: CallOptions): Promise<WholeResult<object> | LongRow | null> {
    const statements = entities[entity];
    const short = await run(this.#executor, statements.findShort(), { id }, options);
    if (short.rows[0] !== undefined) return { whole: statements.read(short.rows[0]) };
    return this.#row(statements, statements.findGuarded(), { id }, options);
  }

  async update(
    entity: ListedEntity,
    id: string,
    changes: object,
    options?: CallOptions,
  ): Promise<WholeResult<object> | LongRow | null> {
    const statements = entities[entity];
    const values = statements.updateValues(id, changes);
    const names = Object.keys(values).filter((name) => name !== "id");
    return names.length === 0
      ? this.find(entity, id, options)
      : this.#row(statements, statements.updateGuarded(names), values, options);
  }

  async #row(
    statements: EntityStatements<object>,
    statement: Statement,
    values: StatementValues,
    options: CallOptions | undefined,
  ): Promise<WholeResult<object> | LongRow | null> {
    const { rows } = await run(this.#executor, statement, values, options);
    const piece = await this.#one(statements, rows, options);
    if (piece === null || isLongRow(piece)) return piece;
    return { whole: Object(piece[0]) };
  }

  async timerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<WholeResult<object[]> | RowPieces> {
    const { rows } = await run(this.#executor, inTimerange.first(), request, options);
    const ready = rows.length < PIECE_ROWS ? taskStatements.pieces.ready(rows) : undefined;
    return ready === undefined ? this.#ordered(inTimerange, request, options, rows) : { whole: ready };
  }

  async goal(id: string, options?: CallOptions): Promise<WholeResult<object> | OpenGoal | null> {
    const { rows } = await run(this.#executor, findGuardedGoal(), { id }, options);
    const goal = await this.#one(goalStatements, rows, options);
    if (goal === null) return null;
    const [milestoneRows, taskRows] = (rows[0] ?? []).slice(-2);
    const few = (json: unknown, { entity }: OrderedRows) =>
      json === null ? undefined : toRows(json).map((row) => entity.read(row));
    const [fewMilestones, fewTasks] = [few(milestoneRows, goalMilestones), few(taskRows, goalTasks)];
    if (!isLongRow(goal) && fewMilestones !== undefined && fewTasks !== undefined) {
      return { whole: { ...goal[0], milestones: fewMilestones, tasks: fewTasks } };
    }
    const belonging = (rows: object[] | undefined, ordered: OrderedRows) =>
      rows === undefined ? this.#ordered(ordered, { goalId: id }, options) : once(rows);
    return { goal, milestones: belonging(fewMilestones, goalMilestones), tasks: belonging(fewTasks, goalTasks) };
  }

  async #one(
    statements: EntityStatements<object>,
    rows: readonly SqlRow[],
    options: CallOptions | undefined,
  ): Promise<readonly object[] | LongRow | null> {
    const ready = statements.pieces.ready(rows);
    if (ready !== undefined) return ready.length === 0 ? null : ready;
    for await (const piece of this.#pieces(statements, rows, options)) return piece;
    return null;
  }

  async *#ordered(
    ordered: OrderedRows,
    request: object,
    options: CallOptions | undefined,
    firstRows?: readonly SqlRow[],
  ): AsyncGenerator<readonly object[] | LongRow, void, undefined> {
    let rows = firstRows ?? (await run(this.#executor, ordered.first(), { ...request }, options)).rows;
    for (;;) {
      const [last, isAll] = [rows.at(-1), rows.length < PIECE_ROWS];
      const pieces = this.#pieces(ordered.entity, rows, options);
      rows = [];
      yield* pieces;
      if (last === undefined || isAll) return;
      const values = { ...request, ...ordered.cursorKeyOf(last) };
      ({ rows } = await run(this.#executor, ordered.following(), values, options));
    }
  }

  async *#pieces(
    statements: EntityStatements<object>,
    rows: readonly SqlRow[],
    options: CallOptions | undefined,
  ): AsyncGenerator<readonly object[] | LongRow, void, undefined> {
    for await (const piece of statements.pieces.pieces(this.#executor, rows, options)) {
      yield Array.isArray(piece) ? piece : this.#longRow(statements, piece, options);
    }
  }

  #longRow(
    statements: EntityStatements<object>,
    { id, bytes }: { readonly id: string; readonly bytes: number },
    options: CallOptions | undefined,
  ): LongRow {
    const inParts = async (signal = options?.signal) => {
      const cancellable = { ...options, signal };
      const row = await statements.longRows.find(this.#executor, id, cancellable);
      if (row !== undefined) return row;
      const { rows } = await run(this.#executor, statements.findById(), { id }, cancellable);
      return rows[0] === undefined ? null : statements.read(rows[0]);
    };
    return { bytes, inParts };
  }
}

async function* once<Item>(item: Item): AsyncGenerator<Item, void, undefined> {
  yield item;
}
