import { randomUUID } from "node:crypto";
import type { GoalRow, MilestoneRow, NewStructure, TaskRow } from "./rows.ts";
import type { SqlTag } from "./sql-tag.ts";

/** A goal with its milestones and tasks. */
export interface GoalWithRelations extends GoalRow {
  readonly milestones: readonly MilestoneRow[];
  readonly tasks: readonly TaskRow[];
}

/** A row as PostgreSQL writes it as JSON. */
type JsonRow<Row> = {
  readonly [Name in keyof Row]: Date extends Row[Name] ? Exclude<Row[Name], Date> | string : Row[Name];
};

/** The yardstick: the queries on goals, written by hand. */
export class GoalQueries {
  readonly #sql: SqlTag;

  constructor(sql: SqlTag) {
    this.#sql = sql;
  }

  /** One statement: faster than one per table, though timestamps arrive as text in PostgreSQL's JSON. */
  async full(id: string): Promise<GoalWithRelations | undefined> {
    const [goal] = await this.#sql<(GoalRow & { milestones: JsonRow<MilestoneRow>[]; tasks: JsonRow<TaskRow>[] })[]>`
      select id, user_id, title, category, timeline, status, created_at,
             (select coalesce(json_agg(milestones order by week_number, created_at, id), '[]')
              from milestones where goal_id = goals.id) as milestones,
             (select coalesce(json_agg(tasks order by start_time, created_at, id), '[]')
              from tasks where goal_id = goals.id) as tasks
      from goals where id = ${id}`;
    return (
      goal && {
        ...goal,
        milestones: goal.milestones.map((row) => ({ ...row, created_at: new Date(row.created_at) })),
        tasks: goal.tasks.map((row) => ({
          ...row,
          start_time: row.start_time === null ? null : new Date(row.start_time),
          end_time: row.end_time === null ? null : new Date(row.end_time),
          created_at: new Date(row.created_at),
        })),
      }
    );
  }

  async createStructure(structure: NewStructure): Promise<GoalWithRelations> {
    const goalId = randomUUID();
    const { user_id, title, category, timeline, status } = structure.goal;
    const milestones: Omit<MilestoneRow, "created_at">[] = [];
    const tasks: Omit<TaskRow, "created_at">[] = [];
    for (const { tasks: itsTasks, ...milestone } of structure.milestones) {
      const id = randomUUID();
      milestones.push({ id, goal_id: goalId, ...milestone });
      for (const task of itsTasks) {
        const start_time = task.start_time === null ? null : new Date(task.start_time);
        const end_time = task.end_time === null ? null : new Date(task.end_time);
        tasks.push({ id: randomUUID(), user_id, goal_id: goalId, milestone_id: id, ...task, start_time, end_time });
      }
    }
    const [created] = await this.#sql<{ created_at: Date }[]>`
      with new_goal as (
        insert into goals (id, user_id, title, category, timeline, status)
        values (${goalId}, ${user_id}, ${title}, ${category}, ${timeline}, ${status})
        returning created_at
      ), new_milestones as (
        insert into milestones (id, goal_id, week_number, title, status)
        select id, goal_id, week_number, title, status
        from json_to_recordset(${JSON.stringify(milestones)}::text::json)
          as record(id uuid, goal_id uuid, week_number int, title text, status text)
      ), new_tasks as (
        insert into tasks (id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority,
                           trigger_type, is_recurring, calendar_event_id)
        select id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
               is_recurring, calendar_event_id
        from json_to_recordset(${JSON.stringify(tasks)}::text::json)
          as record(id uuid, user_id uuid, goal_id uuid, milestone_id uuid, title text, start_time timestamptz,
                    end_time timestamptz, state task_state, priority task_priority, trigger_type trigger_type,
                    is_recurring boolean, calendar_event_id varchar)
      )
      select created_at from new_goal`;
    if (created === undefined) throw new Error("The structure was not created.");
    const { created_at } = created;
    return {
      id: goalId,
      ...structure.goal,
      created_at,
      milestones: milestones.map((milestone) => ({ ...milestone, created_at })),
      tasks: tasks.map((task) => ({ ...task, created_at })),
    };
  }
}
