import type postgres from "postgres";
import { loadWithoutIndexes } from "../data/bulk-load.ts";
import { UUID7_FUNCTION } from "../uuid7.ts";

const TASKS_A_GOAL = 40;
const TASKS_A_STATEMENT = 1_000_000;

/**
 * Fills a migrated database so that queries about one user or one goal have the same size in any of them, and only the tables
 * grow: a user has two goals, sixty days apart; a goal has 8 milestones, and gets 5 tasks in each of 8 weeks. A quarter of
 * the tasks is linked to a calendar event. Urgent tasks are mostly completed, so that state and priority depend on each
 * other. Rows are stored in the order of their creation, so that the tasks of one goal are scattered over the table. Ids are
 * UUIDv7.
 *
 * @param sql a single connection of a superuser
 * @param tasks a multiple of 80
 */
export async function seedTasks(sql: postgres.Sql, tasks: number): Promise<void> {
  const goals = tasks / TASKS_A_GOAL;
  if (!Number.isInteger(goals / 2)) throw new RangeError("The number of tasks must be a multiple of 80.");
  // Seven days of the 120 over which goals start; a tick is the time from one goal to the next.
  const ticksAWeek = Math.round((goals * 7) / 120);
  const ticks = goals + 7 * ticksAWeek;
  await sql.unsafe("set work_mem = '256MB'; set maintenance_work_mem = '1GB'; select setseed(0.42)");
  await loadWithoutIndexes(sql, ["milestones", "tasks"], async () => {
    for (const statement of parents(goals, ticks)) await sql.unsafe(statement);
    const ticksAStatement = Math.ceil(TASKS_A_STATEMENT / TASKS_A_GOAL);
    for (let first = 1; first <= ticks; first += ticksAStatement) {
      await sql.unsafe(tasksOfTicks(first, Math.min(first + ticksAStatement - 1, ticks), ticks, ticksAWeek));
    }
  });
  await sql.unsafe("drop table new_goals, new_milestones");
  await sql.unsafe("reset work_mem; reset maintenance_work_mem");
  await sql.unsafe("vacuum analyze");
}

/** The time of a tick; the last one is a day before now, whatever the number of goals. */
function momentOf(tick: string, ticks: number): string {
  return `date_trunc('day', now()) - interval '169 days' * (1 - (${tick}) / ${ticks}.0)`;
}

function parents(goals: number, ticks: number): string[] {
  return [
    UUID7_FUNCTION,
    `create temp table new_goals as
       select n, uuid7(moment) as id, moment, n % ${goals / 2} as owner, null::uuid as user_id
       from (select n, ${momentOf("n", ticks)} as moment from generate_series(1, ${goals}) as n) as numbered`,
    `with new_users as (
       insert into users (id, name, email, created_at)
       select uuid7(min(moment)), 'User ' || owner, 'user' || owner || '@example.com', min(moment)
       from new_goals group by owner order by owner
       returning id, name)
     update new_goals set user_id = new_users.id from new_users where new_users.name = 'User ' || owner`,
    `insert into goals (id, user_id, title, category, timeline, created_at)
       select id, user_id, 'Run a half marathon ' || n, 'health', '8 weeks', moment from new_goals order by n`,
    `create temp table new_milestones as
       select goal.n as goal, week, uuid7(goal.moment) as id from new_goals as goal, generate_series(1, 8) as week`,
    `insert into milestones (id, goal_id, week_number, title, created_at)
       select milestone.id, goal.id, week, 'Week ' || week, goal.moment
       from new_milestones as milestone join new_goals as goal on goal.n = milestone.goal order by goal.n, week`,
    "analyze new_goals, new_milestones",
  ];
}

/** At each tick one goal starts, and seven older ones reach their next week: five tasks each. */
function tasksOfTicks(first: number, last: number, ticks: number, ticksAWeek: number): string {
  return `
    insert into tasks (id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, is_recurring,
                       calendar_event_id, created_at)
    select uuid7(moment), user_id, goal_id, milestone_id, 'Run ' || floor(random() * 20) || ' km',
           start_time, start_time + interval '30 minutes',
           (case when priority = 'must-not-miss'
                   then array['completed', 'completed', 'completed', 'completed', 'missed']
                 else array['scheduled', 'completed', 'completed', 'missed', 'drifted']
            end)[1 + floor(random() * 5)]::task_state,
           priority, random() < 0.1, case when random() < 0.25 then 'evt_' || md5(random()::text) end, moment
    from (select goal.user_id, goal.id as goal_id, milestone.id as milestone_id, begun.moment,
                 begun.moment + interval '7 days' * random() as start_time,
                 (array['standard', 'standard', 'important', 'must-not-miss'])[1 + floor(random() * 4)]::task_priority
                   as priority
          from (select tick, week, tick - (week - 1) * ${ticksAWeek} as goal,
                       ${momentOf("tick", ticks)} as moment
                from generate_series(${first}, ${last}) as tick, generate_series(1, 8) as week) as begun
          join new_goals as goal on goal.n = begun.goal
          join new_milestones as milestone on milestone.goal = begun.goal and milestone.week = begun.week,
          generate_series(1, 5)
          order by tick, begun.week) as task`;
}
