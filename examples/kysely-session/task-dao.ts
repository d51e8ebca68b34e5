import type { TaskDao, TaskState } from "@flux/dao-core";
import { entityRows, type RunCall, toTaskStatistics } from "@flux/dao-core/engine";
import { type RawBuilder, sql } from "kysely";
import { entityDao } from "./entity-dao.ts";
import { insertMany } from "./insert-many.ts";
import type { Db } from "./kysely-engine.ts";

const { tasks } = entityRows;

/** What comes within the millisecond of `end` is included: columns hold microseconds. */
const justAfter = (end: Date): RawBuilder<unknown> => sql`${end.toISOString()}::timestamptz + interval '1 millisecond'`;

export function taskDao(run: RunCall<Db>): TaskDao {
  return {
    ...entityDao(run, tasks),
    findByTimerange: ({ userId, startTime, endTime }, options) =>
      run(async (db) => {
        const rows = await db
          .selectFrom("tasks")
          .selectAll()
          .where("user_id", "=", userId)
          .where("start_time", ">=", startTime.toISOString())
          .where("start_time", "<", justAfter(endTime))
          .orderBy("start_time")
          .orderBy("id")
          .execute();
        return rows.map((row) => tasks.read(row));
      }, options),
    createMany: (input, options) =>
      run(async (db) => {
        const rows = input.map((task) => tasks.insertion(task, {}, task.id));
        const { numInsertedOrUpdatedRows = 0n } = await insertMany(db, tasks, rows).executeTakeFirstOrThrow();
        return Number(numInsertedOrUpdatedRows);
      }, options),
    updateMany: (changes, options) =>
      run(async (db) => {
        const records = changes.map((change) => ({ id: change.id, change: tasks.changes(change) }));
        const json = JSON.stringify(records);
        const changed = [...new Set(records.flatMap(({ change }) => Object.keys(change)))];
        if (changed.length === 0) changed.push("title");
        const rows = await db
          .with("locked", (cte) =>
            cte
              .selectFrom("tasks")
              .innerJoin(
                sql<{ id: string }>`(select * from json_to_recordset(${json}) as changes(id uuid, change jsonb))`.as(
                  "record",
                ),
                "record.id",
                "tasks.id",
              )
              // The row with what the change gives in the place of what it had; null is a value.
              .select(["tasks.id", sql`jsonb_populate_record(tasks, record.change)`.as("next")])
              .orderBy("tasks.id")
              .forUpdate("tasks"),
          )
          .updateTable("tasks")
          .from("locked")
          .set(Object.fromEntries(changed.map((column) => [column, sql`(locked.next).${sql.ref(column)}`])))
          .whereRef("tasks.id", "=", "locked.id")
          .returningAll("tasks")
          .execute();
        return rows.map((row) => tasks.read(row));
      }, options),
    bulkUpdateState: ({ taskIds, newState }, options) =>
      run(async (db) => {
        const { numUpdatedRows } = await db
          .with("locked", (cte) =>
            cte
              .selectFrom("tasks")
              .select("id")
              .where("id", "=", sql`any(${taskIds}::uuid[])`)
              .orderBy("id")
              .forUpdate(),
          )
          .updateTable("tasks")
          .from("locked")
          .set({ state: newState })
          .whereRef("tasks.id", "=", "locked.id")
          .executeTakeFirstOrThrow();
        return Number(numUpdatedRows);
      }, options),
    statistics: ({ userId, startDate, endDate }, options) =>
      run(async (db) => {
        const counts = await db
          .selectFrom("tasks")
          .select(({ fn, ref }) => [ref("state").$castTo<TaskState>().as("state"), fn.countAll<string>().as("count")])
          .where("user_id", "=", userId)
          .where("created_at", ">=", startDate.toISOString())
          .where("created_at", "<", justAfter(endDate))
          .groupBy("state")
          .execute();
        return toTaskStatistics(userId, Object.fromEntries(counts.map(({ state, count }) => [state, Number(count)])));
      }, options),
  };
}
