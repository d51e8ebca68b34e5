import { pipeline } from "node:stream/promises";
import type postgres from "postgres";
import type { NewTask, TaskRow } from "./rows.ts";

/** A new task with the ids of the rows that it belongs to. */
export interface OwnedNewTask extends NewTask {
  readonly user_id: string;
  readonly goal_id: string;
  readonly milestone_id: string | null;
}

/** Rows per statement: more gain little, and take memory. */
const BATCH = 5_000;

/** Type OIDs of arrays, which postgres.js would otherwise send as single values. */
const BOOLEAN_ARRAY = 1000;
const TIMESTAMPTZ_ARRAY = 1185;

/** The yardstick of an import: one transaction of inserts, each of many rows with one array per column. */
export async function importByUnnest(
  sql: postgres.Sql,
  tasks: Iterable<OwnedNewTask> | AsyncIterable<OwnedNewTask>,
): Promise<number> {
  return sql.begin(async (transaction) => {
    let count = 0;
    let batch: OwnedNewTask[] = [];
    const flush = async () => {
      const column = <Name extends keyof OwnedNewTask>(name: Name) => batch.map((task) => task[name]);
      const instants = (name: "start_time" | "end_time") => sql.array(column(name), TIMESTAMPTZ_ARRAY);
      await transaction`
        insert into tasks (user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                           is_recurring, calendar_event_id)
        select * from unnest(${column("user_id")}::uuid[], ${column("goal_id")}::uuid[],
                             ${column("milestone_id")}::uuid[], ${column("title")}::text[],
                             ${instants("start_time")}, ${instants("end_time")},
                             ${column("state")}::task_state[], ${column("priority")}::task_priority[],
                             ${column("trigger_type")}::trigger_type[], ${sql.array(column("is_recurring"), BOOLEAN_ARRAY)},
                             ${column("calendar_event_id")}::varchar[])`;
      count += batch.length;
      batch = [];
    };
    for await (const task of tasks) {
      batch.push(task);
      if (batch.length === BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    return count;
  });
}

/** The same by COPY. */
export async function importByCopy(
  sql: postgres.Sql,
  tasks: Iterable<OwnedNewTask> | AsyncIterable<OwnedNewTask>,
): Promise<number> {
  let count = 0;
  async function* lines() {
    let text = "";
    for await (const task of tasks) {
      count++;
      text += `${[
        task.user_id,
        task.goal_id,
        task.milestone_id,
        task.title,
        task.start_time,
        task.end_time,
        task.state,
        task.priority,
        task.trigger_type,
        task.is_recurring,
        task.calendar_event_id,
      ]
        .map(copyField)
        .join("\t")}\n`;
      if (text.length > 65_536) {
        yield text;
        text = "";
      }
    }
    yield text;
  }
  const target = await sql`
    copy tasks (user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                is_recurring, calendar_event_id) from stdin`.writable();
  await pipeline(lines, target);
  return count;
}

function copyField(value: string | boolean | Date | null): string {
  if (value === null) return "\\N";
  if (value instanceof Date) return value.toISOString();
  return String(value).replace(/[\\\t\n\r]/g, (character) => `\\${character}`);
}

/** The yardstick of an export: a server-side cursor, a thousand rows at a time. */
export async function* exportByCursor(sql: postgres.Sql): AsyncGenerator<TaskRow> {
  const batches = sql<TaskRow[]>`
    select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
           is_recurring, calendar_event_id, created_at
    from tasks order by created_at desc, id desc`.cursor(1_000);
  for await (const batch of batches) yield* batch;
}
