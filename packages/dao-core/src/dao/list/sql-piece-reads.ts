import { eq, type SQL, sql } from "drizzle-orm";
import type { CallOptions } from "../../contract/call-options.ts";
import type { PageRequest } from "../../contract/page.ts";
import type { TaskTimerangeRequest } from "../../contract/task.ts";
import { literal } from "../../schema/columns.ts";
import type { SchemaExecutor, SqlRow } from "../../session/driver.ts";
import { PIECE_ROWS } from "../../session/limits.ts";
import {
  isLongRow,
  type ListedEntity,
  type LongRow,
  type OpenResult,
  type PieceReads,
} from "../../session/piece-reads.ts";
import { conversationStatements } from "../conversation-dao.ts";
import { goalStatements, milestoneStatements, taskStatements, userStatements } from "../entities.ts";
import { findGuardedGoal, toRows } from "../goal-dao.ts";
import { param, prepared, run, type Statement, type StatementValues, written } from "../statement/statement.ts";
import { milestones, tasks } from "../statement/tables.ts";
import type { EntityStatements } from "../table-dao.ts";
import { startsWithin } from "../task-dao.ts";

type Statements = EntityStatements<object>;

const entities: Readonly<Record<ListedEntity, Statements>> = {
  users: userStatements,
  goals: goalStatements,
  milestones: milestoneStatements,
  tasks: taskStatements,
  conversations: conversationStatements,
};

/**
 * Rows in a given order, `PIECE_ROWS` at a time: each statement continues after the last row of the previous one.
 * @param keys the fields of the DTO in `order`, whose values `last` takes from the last row
 */
function orderedRows(entity: Statements, filter: SQL, keys: readonly string[], order: SQL, last: SQL) {
  const page = (condition: SQL) => () => {
    const rows = sql`select * from ${entity.table} where ${condition} order by ${order} limit ${literal(PIECE_ROWS)}`;
    return written(entity.pieces.list(rows, order));
  };
  const positions = keys.map((key) => [`last_${key}`, Object.keys(entity.columns).indexOf(key)] as const);
  return {
    entity,
    first: prepared("point", page(filter)),
    following: prepared("read", page(sql`${filter} and (${order}) > (${last})`)),
    /** The values for the statement that continues after this row. */
    cursorKeyOf: (row: SqlRow): StatementValues =>
      Object.fromEntries(positions.map(([name, position]) => [name, row[position]])),
  };
}

type OrderedRows = ReturnType<typeof orderedRows>;

const last = (key: string, type: string): SQL => sql`${param(`last_${key}`)}::${sql.raw(type)}`;

const inTimerange = orderedRows(
  taskStatements,
  startsWithin(),
  ["startTime", "id"],
  sql`start_time, id`,
  sql`${last("startTime", "timestamptz")}, ${last("id", "uuid")}`,
);

const goalMilestones = orderedRows(
  milestoneStatements,
  sql`${eq(milestones.goalId, param("goalId"))}`,
  ["weekNumber", "createdAt", "id"],
  sql`week_number, created_at, id`,
  sql`${last("weekNumber", "int")}, ${last("createdAt", "timestamptz")}, ${last("id", "uuid")}`,
);

/** Row comparison with NULL yields NULL, so a separate key puts tasks without a start last. */
const startOrder = (start: SQL): SQL => sql`${start} is null, coalesce(${start}, 'infinity'::timestamptz)`;

const goalTasks = orderedRows(
  taskStatements,
  sql`${eq(tasks.goalId, param("goalId"))}`,
  ["startTime", "createdAt", "id"],
  sql`${startOrder(sql`start_time`)}, created_at, id`,
  sql`${startOrder(last("startTime", "timestamptz"))}, ${last("createdAt", "timestamptz")}, ${last("id", "uuid")}`,
);

type Piece = readonly object[] | LongRow;
type Pieces = AsyncGenerator<Piece, void, undefined>;

/** {@link PieceReads} by SQL. */
export class SqlPieceReads implements PieceReads {
  readonly #executor: SchemaExecutor;

  constructor(executor: SchemaExecutor) {
    this.#executor = executor;
  }

  async list(entity: ListedEntity, request: PageRequest, options?: CallOptions): Promise<OpenResult> {
    const statements = entities[entity];
    const page = await statements.pieces.lists.page(this.#executor, request, options);
    const items = statements.pieces.takeReady(page.items);
    if (items !== undefined) return whole({ ...page, items });
    return { kind: "page", page: { ...page, items: [] }, rows: this.#pieces(statements, page.items, options) };
  }

  async find(entity: ListedEntity, id: string, options?: CallOptions): Promise<OpenResult | null> {
    const statements = entities[entity];
    const short = await run(this.#executor, statements.findShort(), { id }, options);
    if (short.rows[0] !== undefined) return whole(statements.read(short.rows[0]));
    return this.#row(statements, statements.findGuarded(), { id }, options);
  }

  async update(entity: ListedEntity, id: string, changes: object, options?: CallOptions): Promise<OpenResult | null> {
    const statements = entities[entity];
    const { names, values } = statements.updateValues(id, changes);
    if (names.length === 0) return this.find(entity, id, options);
    return this.#row(statements, statements.updateGuarded(names), values, options);
  }

  async timerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<OpenResult> {
    const { rows } = await run(this.#executor, inTimerange.first(), request, options);
    const ready = rows.length < PIECE_ROWS ? taskStatements.pieces.takeReady(rows) : undefined;
    if (ready !== undefined) return whole(ready);
    return { kind: "list", rows: this.#ordered(inTimerange, request, options, rows) };
  }

  async goal(id: string, options?: CallOptions): Promise<OpenResult | null> {
    const { rows } = await run(this.#executor, findGuardedGoal(), { id }, options);
    const [milestoneRows, taskRows] = (rows[0] ?? []).slice(-2);
    const goal = await this.#first(goalStatements, rows, options);
    if (goal === null) return null;
    const few = (json: unknown, { entity }: OrderedRows) =>
      json === null ? undefined : toRows(json).map((row) => entity.read(row));
    const [fewMilestones, fewTasks] = [few(milestoneRows, goalMilestones), few(taskRows, goalTasks)];
    if (!isLongRow(goal) && fewMilestones !== undefined && fewTasks !== undefined) {
      return whole({ ...goal[0], milestones: fewMilestones, tasks: fewTasks });
    }
    const rowsOf = (few: object[] | undefined, ordered: OrderedRows) =>
      few === undefined ? this.#ordered(ordered, { goalId: id }, options) : once(few);
    return {
      kind: "goal",
      goal,
      milestones: rowsOf(fewMilestones, goalMilestones),
      tasks: rowsOf(fewTasks, goalTasks),
    };
  }

  async #row(
    statements: Statements,
    statement: Statement,
    values: StatementValues,
    options?: CallOptions,
  ): Promise<OpenResult | null> {
    const { rows } = await run(this.#executor, statement, values, options);
    const piece = await this.#first(statements, rows, options);
    if (piece === null) return null;
    return isLongRow(piece) ? { kind: "row", row: piece } : whole(piece[0]);
  }

  async #first(statements: Statements, rows: SqlRow[], options?: CallOptions): Promise<Piece | null> {
    const ready = statements.pieces.takeReady(rows);
    if (ready !== undefined) return ready.length === 0 ? null : ready;
    for await (const piece of this.#pieces(statements, rows, options)) return piece;
    return null;
  }

  async *#ordered(ordered: OrderedRows, request: object, options?: CallOptions, first?: readonly SqlRow[]): Pieces {
    let rows = first ?? (await run(this.#executor, ordered.first(), { ...request }, options)).rows;
    for (;;) {
      const [last, isAll] = [rows.at(-1), rows.length < PIECE_ROWS];
      const pieces = this.#pieces(ordered.entity, rows, options);
      // Releases the rows while they are sent.
      rows = [];
      yield* pieces;
      if (last === undefined || isAll) return;
      const values = { ...request, ...ordered.cursorKeyOf(last) };
      ({ rows } = await run(this.#executor, ordered.following(), values, options));
    }
  }

  async *#pieces(statements: Statements, rows: readonly SqlRow[], options?: CallOptions): Pieces {
    for await (const piece of statements.pieces.pieces(this.#executor, rows, options)) {
      if (Array.isArray(piece)) yield piece;
      else {
        const inParts = (signal = options?.signal) => this.#inParts(statements, piece.id, { ...options, signal });
        yield { bytes: piece.bytes, inParts };
      }
    }
  }

  async #inParts(statements: Statements, id: string, options: CallOptions): Promise<object | null> {
    const row = await statements.longRows.find(this.#executor, id, options);
    if (row !== undefined) return row;
    const { rows } = await run(this.#executor, statements.findById(), { id }, options);
    return rows[0] === undefined ? null : statements.read(rows[0]);
  }
}

function whole(result: unknown): OpenResult {
  return { kind: "whole", result };
}

async function* once<Item>(item: Item): AsyncGenerator<Item, void, undefined> {
  yield item;
}
