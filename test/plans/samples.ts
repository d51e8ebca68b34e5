import type postgres from "postgres";
import { NOW } from "./million-tasks.ts";

/** Rows to query. */
export interface Samples {
  readonly now: Date;
  /** A user with about as many tasks as the median user, one of their goals, and rows that belong to it. */
  readonly typical: {
    readonly userId: string;
    readonly email: string;
    readonly goalId: string;
    readonly milestoneId: string;
    readonly taskId: string;
    readonly calendarEventId: string;
    readonly conversationId: string;
    /** When that task starts. */
    readonly startTime: Date;
  };
  /** The user with the most tasks. */
  readonly busy: { readonly userId: string; readonly tasks: number };
  /** A goal with a thousand tasks. */
  readonly big: { readonly goalId: string };
  /** A thousand ids from all over the table. */
  readonly someTasks: string[];
  /** The row in the middle of all tasks, for a page after its cursor. */
  readonly middleCursor: string;
}

/** Picks the same kind of rows, whatever the data. */
export async function pickSamples(sql: postgres.Sql): Promise<Samples> {
  const [typical] = await sql<Samples["typical"][]>`
    select owner.id as "userId", owner.email, task.goal_id as "goalId", task.milestone_id as "milestoneId",
           task.id as "taskId", task.calendar_event_id as "calendarEventId", conversation.id as "conversationId",
           task.start_time as "startTime"
    from (select user_id from tasks group by user_id order by abs(count(*) - 48), user_id limit 1000) as median
    join users as owner on owner.id = median.user_id
    join tasks as task on task.user_id = owner.id and task.milestone_id is not null
                      and task.calendar_event_id is not null and task.start_time is not null
    join conversations as conversation on conversation.goal_id = task.goal_id
    order by task.created_at desc limit 1`;
  const [busy] = await sql<Samples["busy"][]>`
    select user_id as "userId", count(*)::int as tasks from tasks group by user_id order by count(*) desc limit 1`;
  const [big] = await sql<Samples["big"][]>`
    select goal_id as "goalId" from tasks group by goal_id having count(*) >= 1000 order by goal_id limit 1`;
  const some = await sql<{ id: string }[]>`select id from tasks order by hashtext(id::text) limit 1000`;
  // The cursor that the library makes of this row.
  const [middle] = await sql<{ text: string }[]>`
    select created_at || ' ' || id as text from tasks order by created_at desc, id desc
    offset (select count(*) / 2 from tasks) limit 1`;
  if (middle === undefined || typical === undefined || busy === undefined || big === undefined)
    throw new Error("The data does not have every sample.");
  return {
    now: new Date(NOW),
    typical,
    busy,
    big,
    someTasks: some.map(({ id }) => id),
    middleCursor: Buffer.from(middle.text).toString("base64url"),
  };
}
