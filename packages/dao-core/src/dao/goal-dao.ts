import { eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import type * as contract from "../contract/index.ts";
import { literal } from "../schema/columns.ts";
import type { GoalDao } from "../session/database-session.ts";
import type { SchemaExecutor, SqlRow } from "../session/driver.ts";
import { PIECE_BYTES, PIECE_ROWS, SHORT_TEXT_BYTES } from "../session/limits.ts";
import { goalStatements, milestoneStatements, taskStatements } from "./entities.ts";
import { isUnbounded } from "./list/guarded-rows.ts";
import { ownInstants, param, prepared, queryBuilder, readInstant, run, written } from "./statement/statement.ts";
import { goals, milestones, tasks } from "./statement/tables.ts";
import { columnArrays, newRows, resultColumns, returnedValue } from "./statement/text-columns.ts";
import { newId, raiseNoRow, TableDao } from "./table-dao.ts";

/** Drizzle omits the table's name in a query on one table, so that a subquery would refer to its own column. */
const qualified = (column: PgColumn): SQL => sql`${column.table}.${sql.identifier(column.name)}`;

/** A column of rows that a subquery has selected. */
const selected = (column: PgColumn): SQL => sql`selected.${sql.identifier(column.name)}`;

/** Rows that belong to a goal, as JSON: an array of arrays, columns in the table's order, as the row mappers read them. */
function jsonRows(table: PgTable & { readonly goalId: PgColumn }, order: readonly PgColumn[]) {
  const columns = Object.values(getTableColumns(table));
  const belongTo = (goalId: SQL) => sql`${qualified(table.goalId)} = ${goalId}`;
  const array = (expression: (column: PgColumn) => SQL, orderBy: (column: PgColumn) => SQL) => {
    const values = sql.join(columns.map(expression), sql`, `);
    return sql`coalesce(json_agg(json_build_array(${values}) order by ${sql.join(order.map(orderBy), sql`, `)}), '[]'::json)`;
  };
  const long = columns.filter(isUnbounded);
  const length = (column: PgColumn) => sql`octet_length(${selected(column)})`;
  const isShort = (column: PgColumn) => sql`${length(column)} <= ${literal(SHORT_TEXT_BYTES)}`;
  const ifShort = (column: PgColumn) =>
    isUnbounded(column) ? sql`case when ${isShort(column)} then ${selected(column)} end` : selected(column);
  return {
    all: (goalId: SQL) => sql`(select ${array(qualified, qualified)} from ${table} where ${belongTo(goalId)})::text`,
    /** All if they are few and short, else null. */
    few(goalId: SQL) {
      const areShort = sql.join(long.map(isShort), sql` and `);
      const isLittle = sql`sum(${sql.join(long.map(length), sql` + `)}) <= ${literal(PIECE_BYTES)}`;
      const rows = sql`from ${table} where ${belongTo(goalId)}`;
      const few = sql`case when coalesce(bool_and(${areShort}) and ${isLittle}, true) then ${array(ifShort, selected)} end`;
      // Counted first, since aggregates are computed before the condition is.
      const areMany = sql`exists (select ${rows} offset ${literal(PIECE_ROWS)})`;
      return sql`(case when not ${areMany} then (select ${few} from (select * ${rows}) selected) end)::text`;
    },
  };
}

const itsMilestones = jsonRows(milestones, [milestones.weekNumber, milestones.createdAt, milestones.id]);
const itsTasks = jsonRows(tasks, [tasks.startTime, tasks.createdAt, tasks.id]);

/** A goal with its milestones and tasks, in one snapshot. Those that are not few and short are null. */
export const findGuardedGoal = prepared("read", () => {
  const goal = goalStatements.pieces.select(sql`select * from ${goals} where id = ${param("id")}`);
  const id = sql`goal.id`;
  return written(
    sql`select goal.*, ${itsMilestones.few(id)} as milestones, ${itsTasks.few(id)} as tasks from (${goal}) goal`,
  );
});

/** The goal with its milestones and tasks, in one statement and so one snapshot. */
const findGoal = prepared("read", () =>
  queryBuilder
    .select({
      ...resultColumns(goalStatements.columns),
      milestones: itsMilestones.all(qualified(goals.id)).as("milestones"),
      tasks: itsTasks.all(qualified(goals.id)).as("tasks"),
    })
    .from(goals)
    .where(eq(goals.id, param("id"))),
);

/** The rows of {@link jsonRows}. */
export function toRows(json: unknown): SqlRow[] {
  const rows: unknown = JSON.parse(String(json));
  return Array.isArray(rows) ? rows : [];
}

/**
 * Inserts a goal, its milestones and their tasks, of any number, in one statement: all or nothing, in one round trip, far below
 * the protocol's limit of parameters. Foreign keys are checked at the end of the statement.
 */
const insertStructure = prepared("write", () => {
  const newGoal = queryBuilder
    .$with("new_goal")
    .as(goalStatements.insertion().returning({ createdAt: returnedValue(goals.createdAt).as("createdAt") }));
  const newMilestones = queryBuilder
    .$with("new_milestones")
    .as(queryBuilder.insert(milestones).select(newRows(milestones, "milestones.")).returning({ id: milestones.id }));
  const newTasks = queryBuilder
    .$with("new_tasks")
    .as(queryBuilder.insert(tasks).select(newRows(tasks, "tasks.")).returning({ id: tasks.id }));
  const count = sql`(select count(*) from ${newMilestones}) + (select count(*) from ${newTasks})`.as("count");
  return queryBuilder
    .with(newGoal, newMilestones, newTasks)
    .select({ createdAt: newGoal.createdAt, count })
    .from(newGoal);
});

/** A row under construction, by the names of its DTO. */
type NewRow = Record<string, unknown>;

/** Goals by SQL. */
export class SqlGoalDao
  extends TableDao<contract.GoalDto, contract.GoalCreateDto, contract.GoalUpdateDto, contract.GoalListRequest>
  implements GoalDao
{
  constructor(executor: SchemaExecutor) {
    super(executor, goalStatements);
  }

  async findWithRelations(id: string, options?: CallOptions): Promise<contract.GoalWithRelationsDto | null> {
    const { rows } = await run(this.executor, findGoal(), { id }, options);
    const row = rows[0];
    if (row === undefined) return null;
    const [milestoneRows, taskRows] = row.slice(-2);
    return {
      ...goalStatements.read(row),
      milestones: toRows(milestoneRows).map((milestone) => milestoneStatements.read(milestone)),
      tasks: toRows(taskRows).map((task) => taskStatements.read(task)),
    };
  }

  /** Returns the rows as they were sent, in their order, without what an application's trigger has changed. */
  async createWithStructure(
    input: contract.GoalStructureCreateDto,
    options?: CreateOptions,
  ): Promise<contract.GoalWithRelationsDto> {
    const userId = input.goal.userId.toLowerCase();
    const goal = goalStatements.insertValues(options?.id ?? newId(), input.goal, { userId });
    const goalId = goal["id"];
    const milestoneRows: NewRow[] = [];
    const taskRows: NewRow[] = [];
    for (const milestone of input.milestones ?? []) {
      const milestoneRow = milestoneStatements.insertValues(newId(), milestone, { goalId });
      milestoneRows.push(milestoneRow);
      const owners = { userId, goalId, milestoneId: milestoneRow["id"] };
      for (const task of milestone.tasks ?? [])
        taskRows.push(ownInstants(taskStatements.insertValues(newId(), task, owners)));
    }
    const values = {
      ...goal,
      ...columnArrays("milestones.", milestoneStatements.newColumns, milestoneRows),
      ...columnArrays("tasks.", taskStatements.newColumns, taskRows),
    };
    const { rows } = await run(this.executor, insertStructure(), values, options);
    const [createdAtText, count] = rows[0] ?? raiseNoRow();
    if (Number(count) !== milestoneRows.length + taskRows.length) raiseNoRow();
    const createdAt = readInstant(createdAtText);
    for (const row of [goal, ...milestoneRows, ...taskRows]) row["createdAt"] = new Date(createdAt);
    // The object has every column of the table, so it is a DTO.
    return { ...goal, milestones: milestoneRows, tasks: taskRows } as contract.GoalWithRelationsDto;
  }
}
