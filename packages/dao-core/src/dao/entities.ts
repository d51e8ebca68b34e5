import { type SQL, sql } from "drizzle-orm";
import type * as contract from "../contract/index.ts";
import { goals, milestones, tasks, users } from "./statement/tables.ts";
import { instantParam, utc } from "./statement/text-columns.ts";
import { entityStatements } from "./table-dao.ts";

// For DAOs, structures and reads in pieces.
export const userStatements = entityStatements<contract.UserDto>(users);
export const goalStatements = entityStatements<contract.GoalDto>(goals);
export const milestoneStatements = entityStatements<contract.MilestoneDto>(milestones);
export const taskStatements = entityStatements<contract.TaskDto>(tasks, {
  endTime: writtenEnd(instantParam("endTime")),
});

/**
 * The end of a task, as written. Callers read milliseconds, but the Python service writes microseconds: an end that equals the
 * start as it was read becomes that start, not a time slightly before it.
 */
export function writtenEnd(endTime: SQL): SQL {
  const isStart = sql`date_trunc('milliseconds', ${utc(sql`${tasks.startTime}`)}) = ${utc(endTime)}`;
  return sql`case when ${isStart} then ${tasks.startTime} else ${endTime} end`;
}
