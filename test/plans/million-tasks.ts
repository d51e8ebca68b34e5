import type postgres from "postgres";
import { UUID7_FUNCTION } from "../../bench/uuid7.ts";

/** What the samples of {@link seedMillionTasks} are drawn from. */
export const NOW = "2026-06-01 12:00:00+00";

/**
 * A million tasks, or a `share` of them, as they accumulate: 20,000 users over two years, some with thousands of tasks and most
 * with a few dozen; a goal is created with its milestones and tasks in one transaction, and gets a few tasks more later. Rows are
 * stored in the order of their creation, with ids that are UUIDv7s of that time.
 */
export async function seedMillionTasks(sql: postgres.Sql, share = 1): Promise<void> {
  await sql.unsafe("set session_replication_role = replica");
  await sql.unsafe("select setseed(0.42)");
  for (const statement of statements(Math.round(20_000 * share), Math.round(60_040 * share)))
    await sql.unsafe(statement);
  await sql.unsafe("set session_replication_role = origin");
  await sql.unsafe("vacuum analyze");
  while (await hasUnseenPages(sql)) await sql.unsafe("vacuum");
}

/**
 * Whether there are pages that are not all-visible, which index-only scans are planned by. VACUUM skips rows that are newer than
 * another session's snapshot, such as that of an ANALYZE which autovacuum runs at the same time.
 */
async function hasUnseenPages(sql: postgres.Sql): Promise<boolean> {
  const tables = await sql`select from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace and relallvisible < relpages`;
  return tables.length > 0;
}

const statements = (users: number, goals: number): readonly string[] => [
  UUID7_FUNCTION,

  `create temp table new_users as
     select n, uuid7(moment) as id, moment
     from (select n, '${NOW}'::timestamptz - interval '730 days' * (1 - n / ${users}.0) as moment
           from generate_series(1, ${users}) as n) as numbered`,
  `insert into users (id, name, email, preferences, created_at)
     select id, 'User ' || n, 'user' || n || '@example.com', '{"timezone": "UTC"}', moment from new_users order by n`,

  // The square gives some users many tasks; the multiplication scatters them over the table.
  `create temp table new_goals as
     select n, uuid7(moment) as id, moment, n % 1500 = 0 as is_big,
            (floor(${users} * random() ^ 2)::int * 7919) % ${users} + 1 as owner
     from (select n, '${NOW}'::timestamptz - interval '730 days' * (1 - n / ${goals}.0) as moment
           from generate_series(1, ${goals}) as n) as numbered`,
  `insert into goals (id, user_id, title, category, timeline, status, created_at)
     select goal.id, owner.id, 'Goal ' || goal.n,
            (array['health', 'education', 'music', 'work', null])[1 + floor(random() * 5)], '8 weeks',
            (array['active', 'active', 'active', 'done', 'dropped'])[1 + floor(random() * 5)], goal.moment
     from new_goals as goal join new_users as owner on owner.n = goal.owner order by goal.n`,

  `create temp table new_milestones as
     select uuid7(goal.moment) as id, goal.n as goal, week, goal.moment
     from new_goals as goal, generate_series(1, case when is_big then 20 else 8 end) as week`,
  `insert into milestones (id, goal_id, week_number, title, status, created_at)
     select milestone.id, goal.id, week, 'Week ' || week, 'pending', milestone.moment
     from new_milestones as milestone join new_goals as goal on goal.n = milestone.goal
     order by milestone.moment, week`,

  `create temp table new_tasks as
     select goal.n as goal, milestone.id as milestone, milestone.moment,
            case when random() < 0.95
              then milestone.moment + interval '7 days' * (week - 1) + interval '168 hours' * random() end as start_time
     from new_goals as goal
     join new_milestones as milestone on milestone.goal = goal.n,
     generate_series(1, case when is_big then 50 when week <= 6 then 2 else 1 end)
     union all
     select n, null, moment + interval '60 days' * random(), moment + interval '90 days' * random()
     from new_goals, generate_series(1, 2) where not is_big`,
  `insert into tasks (id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
                      is_recurring, calendar_event_id, created_at)
     select uuid7(task.moment), owner.id, goal.id, milestone, 'Do what is due on day ' || floor(random() * 60),
            start_time, start_time + interval '30 minutes',
            case when start_time > '${NOW}' then 'scheduled'
                 else (array['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'missed',
                             'missed', 'drifted', 'scheduled'])[1 + floor(random() * 10)] end::task_state,
            (array['standard', 'standard', 'standard', 'standard', 'important', 'must-not-miss'])
              [1 + floor(random() * 6)]::task_priority,
            (case when random() < 0.05 then 'on_leaving_home' else 'time' end)::trigger_type,
            random() < 0.1, case when random() < 0.3 then 'evt_' || md5(random()::text) end, task.moment
     from new_tasks as task
     join new_goals as goal on goal.n = task.goal
     join new_users as owner on owner.n = goal.owner
     order by task.moment, task.milestone, task.start_time`,

  `insert into conversations (user_id, goal_id, messages, status, created_at)
     select owner.id, goal.id, '[{"role": "user", "content": "Hello"}]',
            (array['open', 'closed'])[1 + floor(random() * 2)], goal.moment
     from new_goals as goal join new_users as owner on owner.n = goal.owner where goal.n % 2 = 0 order by goal.n`,
  "insert into demo_flags (user_id) select id from users where demo_mode or created_at < '2024-06-10'",
];
