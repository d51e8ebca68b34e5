import { and, asc, eq, gte, type SQL, sql } from "drizzle-orm";
import type { CallOptions } from "../contract/call-options.ts";
import type { TaskState } from "../contract/fields/constants.ts";
import type * as contract from "../contract/index.ts";
import type { TaskDao } from "../session/database-session.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import { taskStatements } from "./entities.ts";
import { counted, one, param, prepared, queryBuilder, run } from "./statement/statement.ts";
import { tasks } from "./statement/tables.ts";
import { columnParam, instantParam, resultColumns } from "./statement/text-columns.ts";
import { TableDao } from "./table-dao.ts";
import { createTasks, updateTasks } from "./task-batches.ts";

/** The end of the given millisecond: columns have microseconds, and a range includes the whole millisecond of its end. */
const justAfter = (name: string) => sql`${instantParam(name)} + interval '1 millisecond'`;

/** The condition that a user's task starts within a range. */
export const startsWithin = (): SQL =>
  sql`${and(
    eq(tasks.userId, param("userId")),
    gte(tasks.startTime, columnParam(tasks.startTime, "startTime")),
    sql`${tasks.startTime} < ${justAfter("endTime")}`,
  )}`;

const findByTimerange = prepared("point", () =>
  queryBuilder
    .select(resultColumns(taskStatements.columns))
    .from(tasks)
    .where(startsWithin())
    .orderBy(asc(tasks.startTime), asc(tasks.id)),
);

const countIn = (state: TaskState) => sql`count(*) filter (where ${tasks.state} = ${sql.raw(`'${state}'`)})`.as(state);

const statistics = prepared("point", () =>
  queryBuilder
    .select({
      scheduled: countIn("scheduled"),
      drifted: countIn("drifted"),
      completed: countIn("completed"),
      missed: countIn("missed"),
    })
    .from(tasks)
    .where(
      and(
        eq(tasks.userId, param("userId")),
        gte(tasks.createdAt, columnParam(tasks.createdAt, "startDate")),
        sql`${tasks.createdAt} < ${justAfter("endDate")}`,
      ),
    ),
);

/** Locks in the order of ids, so that concurrent updates do not deadlock. */
const bulkUpdateState = prepared("write", () => {
  const locked = queryBuilder.$with("locked").as(
    queryBuilder
      .select({ id: tasks.id })
      .from(tasks)
      .where(sql`${tasks.id} = any(${sql.placeholder("taskIds")}::uuid[])`)
      .orderBy(asc(tasks.id))
      .for("update"),
  );
  return counted(
    queryBuilder
      .with(locked)
      .update(tasks)
      .set({ state: param("newState") })
      .from(locked)
      .where(eq(tasks.id, locked.id))
      .returning(one),
  );
});

/** Tasks by SQL. */
export class SqlTaskDao
  extends TableDao<contract.TaskDto, contract.TaskCreateDto, contract.TaskUpdateDto, contract.TaskListRequest>
  implements TaskDao
{
  constructor(executor: SchemaExecutor) {
    super(executor, taskStatements);
  }

  createMany(input: readonly contract.TaskImportDto[], options?: CallOptions): Promise<number> {
    return createTasks(this.executor, input, options);
  }

  updateMany(changes: readonly contract.TaskChangeDto[], options?: CallOptions): Promise<contract.TaskDto[]> {
    return updateTasks(this.executor, changes, options);
  }

  async findByTimerange(request: contract.TaskTimerangeRequest, options?: CallOptions): Promise<contract.TaskDto[]> {
    const { rows } = await run(this.executor, findByTimerange(), request, options);
    return rows.map((row) => taskStatements.read(row));
  }

  async bulkUpdateState(
    { taskIds, newState }: contract.BulkUpdateStateRequest,
    options?: CallOptions,
  ): Promise<number> {
    const values = { taskIds: `{${taskIds.join()}}`, newState };
    const { rows } = await run(this.executor, bulkUpdateState(), values, options);
    return Number(rows[0]?.[0]);
  }

  async statistics(
    request: contract.TaskStatisticsRequest,
    options?: CallOptions,
  ): Promise<contract.TaskStatisticsDto> {
    const { rows } = await run(this.executor, statistics(), request, options);
    const [scheduled = 0, drifted = 0, completed = 0, missed = 0] = (rows[0] ?? []).map(Number);
    const totalTasks = scheduled + drifted + completed + missed;
    const completionRate = totalTasks === 0 ? 0 : Math.round((completed / totalTasks) * 10_000) / 10_000;
    const byState = { scheduled, drifted, completed, missed };
    return { userId: request.userId, totalTasks, byState, completionRate };
  }
}
