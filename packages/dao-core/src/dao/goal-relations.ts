import { eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import type { GoalWithRelationsDto } from "../contract/goal.ts";
import { goals, milestones, tasks } from "../schema/tables.ts";
import type { SqlExecutor, SqlRow } from "../session/driver.ts";
import { PIECE_BYTES, PIECE_ROWS, SHORT_TEXT_BYTES } from "../session/limits.ts";

import { goalStatements } from "./goal-statements.ts";
import { isUnbounded } from "./list/guarded-rows.ts";
import { milestoneStatements } from "./milestone-dao.ts";
import { param, prepared, queryBuilder, run, written } from "./statement/statement.ts";
import { resultColumns } from "./statement/text-columns.ts";
import { taskStatements } from "./task-statements.ts";

/** Drizzle omits the table's name in a query on one table, where a subquery would then refer to its own column. */
const qualified = (column: PgColumn): SQL => sql`${column.table}.${sql.identifier(column.name)}`;

/** The goal's rows of `table` as a JSON array of arrays, columns in the table's order, as the row mappers read them. */
function jsonRows(table: PgTable, goalId: PgColumn, order: readonly PgColumn[]): SQL {
  return sql`(select ${jsonArray(table, order, qualified)} from ${table} where ${qualified(goalId)} = ${qualified(goals.id)})`;
}

function jsonArray(table: PgTable, order: readonly PgColumn[], expression: (column: PgColumn) => SQL): SQL {
  const columns = sql.join(Object.values(getTableColumns(table)).map(expression), sql`, `);
  const ordered = sql.join(order.map(qualified), sql`, `);
  return sql`coalesce(json_agg(json_build_array(${columns}) order by ${ordered}), '[]'::json)`;
}

/** {@link jsonRows} if these are few and short, else null; no more than those few are read to find out. */
function fewJsonRows(table: PgTable, goalId: PgColumn, order: readonly PgColumn[]): SQL {
  const columns = Object.values(getTableColumns(table));
  const isShort = (column: PgColumn) => sql`octet_length(${qualified(column)}) <= ${sql.raw(String(SHORT_TEXT_BYTES))}`;
  const areShort = sql.join(columns.filter(isUnbounded).map(isShort), sql` and `);
  const isLittle = sql`sum(${sql.join(
    columns.filter(isUnbounded).map((column) => sql`octet_length(${qualified(column)})`),
    sql` + `,
  )}) <= ${sql.raw(String(PIECE_BYTES))}`;
  const few = sql`count(*) <= ${sql.raw(String(PIECE_ROWS))} and coalesce(bool_and(${areShort}) and ${isLittle}, true)`;
  const list = jsonArray(table, order, (column) =>
    isUnbounded(column) ? sql`case when ${isShort(column)} then ${qualified(column)} end` : qualified(column),
  );
  return sql`(select case when ${few} then ${list} end from (
    select * from ${table} where ${qualified(goalId)} = ${qualified(goals.id)} limit ${sql.raw(String(PIECE_ROWS + 1))}
  ) ${table})`;
}

const milestoneOrder = [milestones.weekNumber, milestones.createdAt, milestones.id];
const taskOrder = [tasks.startTime, tasks.createdAt, tasks.id];

/** A goal with its milestones and tasks if these are few, in one snapshot. If not, the last two columns are null. */
export const findGuardedGoal = prepared("read", () => {
  const goal = goalStatements.pieces.guard(sql`select * from ${goals} where id = ${param("id")}`, undefined);
  const fewMilestones = fewJsonRows(milestones, milestones.goalId, milestoneOrder);
  const fewTasks = fewJsonRows(tasks, tasks.goalId, taskOrder);
  return written(
    sql`select goals.*, ${fewMilestones}::text as milestones, ${fewTasks}::text as tasks from (${goal}) goals`,
  );
});

const findGoal = prepared("read", () =>
  queryBuilder
    .select({
      ...resultColumns(getTableColumns(goals)),
      milestones: sql`${jsonRows(milestones, milestones.goalId, milestoneOrder)}::text`.as("milestones"),
      tasks: sql`${jsonRows(tasks, tasks.goalId, taskOrder)}::text`.as("tasks"),
    })
    .from(goals)
    .where(eq(goals.id, param("id"))),
);

/** The goal with its milestones and tasks, in one statement and so one snapshot; `null` if there is none. */
export async function findGoalWithRelations(
  executor: SqlExecutor,
  id: string,
  options?: CallOptions,
): Promise<GoalWithRelationsDto | null> {
  const { rows } = await run(executor, findGoal(), { id }, options);
  const row = rows[0];
  if (row === undefined) return null;
  const [milestoneRows, taskRows] = row.slice(-2);
  return {
    ...goalStatements.read(row),
    milestones: toRows(milestoneRows).map((milestone) => milestoneStatements.read(milestone)),
    tasks: toRows(taskRows).map((task) => taskStatements.read(task)),
  };
}

export function toRows(json: unknown): SqlRow[] {
  const rows: unknown = JSON.parse(String(json));
  return Array.isArray(rows) ? rows : [];
}
