import { type SQL, sql } from "drizzle-orm";
import type { TaskDto } from "../contract/task.ts";
import { tasks } from "../schema/tables.ts";
import { instantParam } from "./statement/text-columns.ts";
import { EntityStatements } from "./table-dao.ts";

/**
 * The end of a task, as written. Callers read instants in milliseconds, but the Python service writes microseconds: an end that was
 * read from the row's start must be that start, not slightly before it.
 */
export function writtenEnd(endTime: SQL): SQL {
  const isStart = sql`date_trunc('milliseconds', ${tasks.startTime}) = ${endTime}`;
  return sql`case when ${isStart} then ${tasks.startTime} else ${endTime} end`;
}

/** The statements on tasks, for their DAO and for structures. */
export const taskStatements = new EntityStatements<TaskDto>(tasks, {
  endTime: writtenEnd(instantParam("endTime")),
});
