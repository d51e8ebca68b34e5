import { and, asc, eq, gte, type SQL, sql } from "drizzle-orm";
import { alias, type PgColumn } from "drizzle-orm/pg-core";
import type { CallOptions } from "../contract/call-options.ts";
import type { TaskState } from "../contract/fields/constants.ts";
import type * as contract from "../contract/index.ts";
import type { TaskDao } from "../session/database-session.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import { taskStatements, writtenEnd } from "./entities.ts";
import {
  compile,
  counted,
  one,
  param,
  prepared,
  queryBuilder,
  run,
  StatementCache,
  takeRows,
} from "./statement/statement.ts";
import { tasks } from "./statement/tables.ts";
import {
  arrayRecords,
  columnArrays,
  columnOf,
  columnParam,
  instantParam,
  newRows,
  resultColumns,
  returnedColumns,
  sqlType,
} from "./statement/text-columns.ts";
import { newId, TableDao } from "./table-dao.ts";

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

const insertTasks = prepared("write", () =>
  counted(queryBuilder.insert(tasks).select(newRows(tasks, "tasks.")).returning(one)),
);

const newValue = (name: string, column: PgColumn): unknown => (name === "id" ? newId() : column.default);

const { columns } = taskStatements;
const updatable = Object.keys(columns).filter((name) => !["id", "userId", "goalId", "createdAt"].includes(name));

/** A statement for each set of fields that callers change at once. */
const updates = new StatementCache();

/** A bit mask of the fields that the change has, the first as bit 0: null is a value, so absence must be encoded separately. */
function changedFields(change: contract.TaskChangeDto, names: readonly string[]): number {
  const own: Readonly<Record<string, unknown>> = change;
  let bits = 0;
  for (const [index, name] of names.entries()) if (own[name] !== undefined) bits |= 1 << index;
  return bits;
}

/** FOR UPDATE OF names a table without its schema. */
const target = alias(tasks, "tasks");

/** Locks in the order of ids, so that concurrent updates do not deadlock. */
function buildUpdate(names: readonly string[]) {
  const members = names.map((name) => [name, sqlType(columnOf(columns, name))] as const);
  const records = arrayRecords("tasks.", [["id", sql`uuid`], ["changed", sql`integer`], ...members]);
  const member = (name: string) => sql`record.${sql.identifier(name)}`;
  const newValues = names.map((name) => [name, member(name).as(`new_${name}`)]);
  const locked = queryBuilder.$with("locked").as(
    queryBuilder
      .select({ id: target.id, changed: member("changed").as("changed"), ...Object.fromEntries(newValues) })
      .from(target)
      .innerJoin(records, eq(target.id, member("id")))
      .orderBy(asc(target.id))
      .for("update", { of: target }),
  );
  const values = names.map((name, index) => [name, changedValue(columnOf(columns, name), `new_${name}`, 1 << index)]);
  return queryBuilder
    .with(locked)
    .update(tasks)
    .set(Object.fromEntries(values))
    .from(locked)
    .where(eq(tasks.id, sql`locked.id`))
    .returning(returnedColumns(columns));
}

function changedValue(column: PgColumn, newName: string, bit: number): SQL {
  const isSet = sql`locked.changed & ${sql.raw(String(bit))} <> 0`;
  const value = sql`locked.${sql.identifier(newName)}`;
  return sql`case when ${isSet} then ${column === tasks.endTime ? writtenEnd(value) : value} else ${column} end`;
}

/** Tasks by SQL. */
export class SqlTaskDao
  extends TableDao<contract.TaskDto, contract.TaskCreateDto, contract.TaskUpdateDto, contract.TaskListRequest>
  implements TaskDao
{
  constructor(executor: SchemaExecutor) {
    super(executor, taskStatements);
  }

  async createMany(input: readonly contract.TaskImportDto[], options?: CallOptions): Promise<number> {
    const values = columnArrays("tasks.", taskStatements.newColumns, input, newValue);
    const { rows: counts } = await run(this.executor, insertTasks(), values, options);
    const count = Number(counts[0]?.[0]);
    // A transaction is then rolled back.
    if (count !== input.length) {
      throw new Error(`The database wrote ${count} of ${input.length} tasks; look for a trigger on the table.`);
    }
    return count;
  }

  async updateMany(changes: readonly contract.TaskChangeDto[], options?: CallOptions): Promise<contract.TaskDto[]> {
    // An UPDATE must set something; the title may be set to itself.
    const changed = new Set(["title"]);
    for (const change of changes) for (const name in change) changed.add(name);
    const names = updatable.filter((name) => changed.has(name));
    const statement = updates.get(names.join(), () => compile("write", buildUpdate(names)));
    const changedColumns = ["id", ...names].map((name) => [name, columnOf(columns, name)] as const);
    const values = {
      ...columnArrays("tasks.", changedColumns, changes),
      "tasks.changed": `{${changes.map((change) => changedFields(change, names)).join()}}`,
    };
    const { rows: updated } = await run(this.executor, statement, values, options);
    return takeRows(updated, taskStatements.read);
  }

  async findByTimerange(request: contract.TaskTimerangeRequest, options?: CallOptions): Promise<contract.TaskDto[]> {
    const { rows } = await run(this.executor, findByTimerange(), request, options);
    return takeRows(rows, taskStatements.read);
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
