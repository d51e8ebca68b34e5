import type postgres from "postgres";
import { UUID7_FUNCTION } from "../uuid7.ts";

/** Number of rows; a goal has 8 milestones of 5 tasks. */
const USERS = 300;
const GOALS = 500;
export const TASKS = GOALS * 40;

/** Fills a migrated database with 20,000 tasks of goals that were created over the last four months. */
export async function seed(sql: postgres.Sql): Promise<void> {
  for (const statement of statements) await sql.unsafe(statement);
  await sql.unsafe("vacuum analyze");
}

const statements = [
  UUID7_FUNCTION,
  "select setseed(0.42)",

  `insert into users (id, name, email, created_at)
     select uuid7(moment), 'User ' || n, 'user' || n || '@example.com', moment
     from (select n, date_trunc('day', now()) - interval '150 days' + interval '1 minute' * n as moment
           from generate_series(1, ${USERS}) as n) as numbered`,

  `insert into goals (id, user_id, title, category, timeline, created_at)
     select uuid7(moment), owner.id, 'Run a half marathon ' || n, 'health', '8 weeks', moment
     from (select n, date_trunc('hour', now()) - interval '120 days' * (1 - n / ${GOALS}.0) as moment
           from generate_series(1, ${GOALS}) as n) as numbered
     join (select id, row_number() over (order by id) as place from users) as owner
       on owner.place = numbered.n % ${USERS} + 1
     order by n`,

  `insert into milestones (id, goal_id, week_number, title, created_at)
     select uuid7(goal.created_at), goal.id, week, 'Week ' || week, goal.created_at
     from goals as goal, generate_series(1, 8) as week order by goal.created_at, week`,

  `insert into tasks (id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, is_recurring,
                      calendar_event_id, created_at)
     select uuid7(task.created_at), user_id, goal_id, milestone_id, 'Run ' || floor(random() * 20) || ' km',
            start_time, start_time + interval '30 minutes',
            case when start_time > now() then 'scheduled'
                 else (array['completed', 'completed', 'missed', 'drifted'])[1 + floor(random() * 4)] end::task_state,
            (array['standard', 'standard', 'important', 'must-not-miss'])[1 + floor(random() * 4)]::task_priority,
            random() < 0.1, case when random() < 0.3 then 'evt_' || md5(random()::text) end, task.created_at
     from (select goal.user_id, goal.id as goal_id, milestone.id as milestone_id, goal.created_at,
                  date_trunc('minute', goal.created_at + interval '7 days' * (milestone.week_number - random()))
                    as start_time
           from goals as goal join milestones as milestone on milestone.goal_id = goal.id, generate_series(1, 5)
           order by goal.created_at, milestone.week_number) as task`,
];
