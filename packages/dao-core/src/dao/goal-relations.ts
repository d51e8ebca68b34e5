import { eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import type { GoalWithRelationsDto } from "../contract/goal.ts";
import { goals } from "../schema/goals.ts";
import { milestones } from "../schema/milestones.ts";
import { tasks } from "../schema/tasks.ts";
import type { SqlExecutor, SqlRow } from "../session/driver.ts";
import { goalStatements } from "./goal-statements.ts";
import { milestoneStatements } from "./milestone-dao.ts";
import { given, lazily, queryBuilder, run } from "./statement.ts";
import { taskStatements } from "./task-statements.ts";

/** Drizzle leaves the table's name out in a query on one table, where a subquery would then find its own column. */
const qualified = (column: PgColumn): SQL => sql`${column.table}.${sql.identifier(column.name)}`;

/** The goal's rows of `table` as a JSON array of arrays, columns in the table's order, as the row mappers read them. */
function jsonRows(table: PgTable, goalId: PgColumn, order: readonly PgColumn[]): SQL {
  const columns = sql.join(Object.values(getTableColumns(table)).map(qualified), sql`, `);
  const ordered = sql.join(order.map(qualified), sql`, `);
  const list = sql`json_agg(json_build_array(${columns}) order by ${ordered})`;
  return sql`(select coalesce(${list}, '[]'::json) from ${table} where ${qualified(goalId)} = ${qualified(goals.id)})`;
}

const findGoal = lazily(() => {
  const { goalId: milestoneGoal, weekNumber, createdAt: milestoneAge, id: milestoneId } = milestones;
  const { goalId: taskGoal, startTime, createdAt: taskAge, id: taskId } = tasks;
  return queryBuilder
    .select({
      ...getTableColumns(goals),
      milestones: jsonRows(milestones, milestoneGoal, [weekNumber, milestoneAge, milestoneId]).as("milestones"),
      tasks: jsonRows(tasks, taskGoal, [startTime, taskAge, taskId]).as("tasks"),
    })
    .from(goals)
    .where(eq(goals.id, given("id")));
});

/** The goal with its milestones and tasks as of one moment, in one statement; `null` if there is none. */
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

function toRows(json: unknown): SqlRow[] {
  const rows: unknown = typeof json === "string" ? JSON.parse(json) : json;
  return Array.isArray(rows) ? rows : [];
}
