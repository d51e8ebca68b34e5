import { type SQL, sql } from "drizzle-orm";
import type { TaskDto } from "../contract/task.ts";
import { tasks } from "../schema/tables.ts";
import { instantParam } from "./statement/text-columns.ts";
import { EntityStatements } from "./table-dao.ts";

/**
 * What is written for the end of a task. Callers read instants to the millisecond, the Python service writes microseconds: an
 * end that was read from the row's start is that start, and not a little before it.
 */
export function writtenEnd(endTime: SQL): SQL {
  const isStart = sql`date_trunc('milliseconds', ${tasks.startTime}) = ${endTime}`;
  return sql`case when ${isStart} then ${tasks.startTime} else ${endTime} end`;
}

/** The statements on tasks, for their DAO and for what is written or read with them. */
export const taskStatements = new EntityStatements<TaskDto>(tasks, {
  endTime: writtenEnd(instantParam("endTime")),
});
