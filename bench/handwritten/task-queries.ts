import type { Cursor, NewTask, StatisticsRow, TaskRow } from "./rows.ts";
import type { SqlTag } from "./sql-tag.ts";

/** The yardstick: the queries on tasks, written by hand. postgres.js prepares and pipelines them. */
export class TaskQueries {
  readonly #sql: SqlTag;

  constructor(sql: SqlTag) {
    this.#sql = sql;
  }

  async find(id: string): Promise<TaskRow | undefined> {
    const [task] = await this.#sql<TaskRow[]>`
      select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
             is_recurring, calendar_event_id, created_at
      from tasks where id = ${id}`;
    return task;
  }

  async byTimerange(userId: string, start: Date | string, end: Date | string): Promise<TaskRow[]> {
    return this.#sql<TaskRow[]>`
      select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
             is_recurring, calendar_event_id, created_at
      from tasks where user_id = ${userId} and start_time >= ${start} and start_time <= ${end}
      order by start_time, id`;
  }

  async statistics(userId: string, start: Date | string, end: Date | string): Promise<StatisticsRow | undefined> {
    const [counts] = await this.#sql<StatisticsRow[]>`
      select count(*)::int as total,
             count(*) filter (where state = 'scheduled')::int as scheduled,
             count(*) filter (where state = 'drifted')::int as drifted,
             count(*) filter (where state = 'completed')::int as completed,
             count(*) filter (where state = 'missed')::int as missed
      from tasks where user_id = ${userId} and created_at >= ${start} and created_at <= ${end}`;
    return counts;
  }

  /** Two statements, which postgres.js pipelines: at least as fast as one that joins a page with its count. */
  async page(limit: number, skip: number): Promise<{ items: TaskRow[]; total: number }> {
    const [items, [counted]] = await Promise.all([
      this.#sql<TaskRow[]>`
        select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
               is_recurring, calendar_event_id, created_at
        from tasks order by created_at desc, id desc limit ${limit} offset ${skip}`,
      this.#sql<{ total: number }[]>`select count(*)::int as total from tasks`,
    ]);
    return { items, total: counted?.total ?? 0 };
  }

  /** The first page, or the one after `after`; one extra row shows whether there is a next page. */
  async pageAfter(limit: number, after: Cursor | undefined): Promise<{ items: TaskRow[]; hasNext: boolean }> {
    const rows =
      after === undefined
        ? await this.#sql<TaskRow[]>`
            select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                   is_recurring, calendar_event_id, created_at
            from tasks order by created_at desc, id desc limit ${limit + 1}`
        : await this.#sql<TaskRow[]>`
            select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                   is_recurring, calendar_event_id, created_at
            from tasks where (created_at, id) < (${after.created_at}::text::timestamptz, ${after.id})
            order by created_at desc, id desc limit ${limit + 1}`;
    return { items: rows.slice(0, limit), hasNext: rows.length > limit };
  }

  async create(
    userId: string,
    goalId: string,
    milestoneId: string | null,
    task: NewTask,
  ): Promise<TaskRow | undefined> {
    const [created] = await this.#sql<TaskRow[]>`
      insert into tasks (user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                         is_recurring, calendar_event_id)
      values (${userId}, ${goalId}, ${milestoneId}, ${task.title}, ${task.start_time}, ${task.end_time}, ${task.state},
              ${task.priority}, ${task.trigger_type}, ${task.is_recurring}, ${task.calendar_event_id})
      returning id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                is_recurring, calendar_event_id, created_at`;
    return created;
  }

  async update(id: string, title: string, state: string): Promise<TaskRow | undefined> {
    const [updated] = await this.#sql<TaskRow[]>`
      update tasks set title = ${title}, state = ${state} where id = ${id}
      returning id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                is_recurring, calendar_event_id, created_at`;
    return updated;
  }

  /** Locks in the order of the ids, as the contract requires. */
  async bulkUpdateState(ids: string[], state: string): Promise<number> {
    const updated = await this.#sql<object[]>`
      with locked as (select id from tasks where id = any(${ids}::uuid[]) order by id for update)
      update tasks set state = ${state} from locked where tasks.id = locked.id`;
    return updated.count;
  }

  /** Different changes, as columns; null leaves a field unchanged. Returns the rows in no particular order. */
  async updateMany({ ids, titles, states, priorities }: TaskChanges): Promise<TaskRow[]> {
    return this.#sql<TaskRow[]>`
      with changes as (
        select * from unnest(${ids}::uuid[], ${titles}::text[], ${states}::task_state[], ${priorities}::task_priority[])
          as change(id, title, state, priority)
      ), locked as (select tasks.id from tasks join changes using (id) order by tasks.id for update of tasks)
      update tasks set title = coalesce(changes.title, tasks.title), state = coalesce(changes.state, tasks.state),
                       priority = coalesce(changes.priority, tasks.priority)
      from changes join locked using (id) where tasks.id = changes.id
      returning tasks.id, user_id, goal_id, milestone_id, tasks.title, start_time, end_time, tasks.state,
                tasks.priority, trigger_type, is_recurring, calendar_event_id, created_at`;
  }
}

/** One array per column, all of the same length. */
export interface TaskChanges {
  readonly ids: readonly string[];
  readonly titles: readonly (string | null)[];
  readonly states: readonly (string | null)[];
  readonly priorities: readonly (string | null)[];
}
