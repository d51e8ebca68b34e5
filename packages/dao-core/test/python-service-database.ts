/** The schema of the Python service, as contract.md describes it. */
export const PYTHON_SERVICE_DDL = `
  create type task_state as enum ('scheduled', 'drifted', 'completed', 'missed');
  create type task_priority as enum ('standard', 'important', 'must-not-miss');
  create type trigger_type as enum ('time', 'on_leaving_home');
  create table users (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    email text not null unique,
    preferences jsonb default '{}',
    demo_mode boolean default false,
    created_at timestamptz default now()
  );
  create table goals (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users (id) on delete cascade,
    title text not null,
    category text,
    timeline text,
    status text default 'active',
    created_at timestamptz default now()
  );
  create table milestones (
    id uuid primary key default gen_random_uuid(),
    goal_id uuid not null references goals (id) on delete cascade,
    week_number integer not null,
    title text not null,
    status text default 'pending',
    created_at timestamptz default now()
  );
  create table tasks (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users (id) on delete cascade,
    goal_id uuid not null references goals (id) on delete cascade,
    milestone_id uuid references milestones (id) on delete cascade,
    title text not null,
    start_time timestamptz,
    end_time timestamptz,
    state task_state default 'scheduled',
    priority task_priority default 'standard',
    trigger_type trigger_type default 'time',
    is_recurring boolean default false,
    calendar_event_id varchar(255),
    created_at timestamptz default now()
  );
  create table conversations (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users (id) on delete cascade,
    goal_id uuid not null references goals (id) on delete cascade,
    messages jsonb default '[]',
    status text default 'open',
    created_at timestamptz default now()
  );
  create table demo_flags (
    user_id uuid primary key references users (id) on delete cascade,
    virtual_now timestamptz,
    escalation_speed double precision default 1.0
  );
  create index idx_goals_user_id on goals (user_id);
  create index idx_milestones_goal_id on milestones (goal_id);
  create index idx_tasks_user_id on tasks (user_id);
  create index idx_tasks_goal_id on tasks (goal_id);
  create index idx_tasks_milestone_id on tasks (milestone_id);
  create index idx_tasks_calendar_event_id on tasks (calendar_event_id);
  create index idx_conversations_user_id on conversations (user_id);
  create index idx_conversations_goal_id on conversations (goal_id);`;

/** Its second migration: the planner writes conversations before their goals, with their messages as a string. */
export const SECOND_MIGRATION = "alter table conversations alter column goal_id drop not null;";

/** The tables, each with its key. */
export const TABLE_KEYS: Readonly<Record<string, string>> = {
  users: "id",
  goals: "id",
  milestones: "id",
  tasks: "id",
  conversations: "id",
  demo_flags: "user_id",
};

/** The replacement for NULL; `now` is any instant of the adoption. */
export const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  users: { preferences: {}, demo_mode: false, created_at: "now" },
  goals: { status: "active", created_at: "now" },
  milestones: { status: "pending", created_at: "now" },
  tasks: {
    state: "scheduled",
    priority: "standard",
    trigger_type: "time",
    is_recurring: false,
    created_at: "now",
  },
  conversations: { messages: [], status: "open", created_at: "now" },
  demo_flags: { escalation_speed: 1 },
};

const id = (number: number) => `'00000000-0000-4000-8000-${String(number).padStart(12, "0")}'`;

/** Rows that satisfy every rule, with NULLs wherever the Python service allowed them, JSON nulls and microseconds. */
export const REGULAR_ROWS = `
  insert into users (id, name, email, preferences, demo_mode, created_at) values
    (${id(1)}, 'Ada', 'ada@example.com', '{"theme": "dark", "nested": {"keep": null}}', true, '2026-01-02 03:04:05.678901+00'),
    (${id(2)}, 'Nulls', 'nulls@example.com', null, null, null),
    (${id(3)}, 'JSON null', 'json-null@example.com', 'null', false, '2026-01-02 03:04:05.000001+00');
  insert into goals (id, user_id, title, category, timeline, status, created_at) values
    (${id(11)}, ${id(1)}, 'Learn Spanish', 'education', '6 months', 'paused', '2026-01-02 03:04:05.678901+00'),
    (${id(12)}, ${id(2)}, 'Nulls', null, null, null, null);
  insert into milestones (id, goal_id, week_number, title, status, created_at) values
    (${id(21)}, ${id(11)}, 1, 'Week one', 'done', '2026-01-02 03:04:05.678901+00'),
    (${id(22)}, ${id(12)}, 2, 'Nulls', null, null);
  insert into tasks (id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
      is_recurring, calendar_event_id, created_at) values
    (${id(31)}, ${id(1)}, ${id(11)}, ${id(21)}, 'Regular', '2026-02-15 10:00:00.123456+00', '2026-02-15 11:00:00.654321+00',
      'drifted', 'must-not-miss', 'on_leaving_home', true, 'event', '2026-01-02 03:04:05.678901+00'),
    (${id(32)}, ${id(2)}, ${id(12)}, null, 'Nulls', null, null, null, null, null, null, null, null),
    (${id(33)}, ${id(1)}, ${id(11)}, ${id(22)}, 'Milestone of another goal', null, null, 'missed', null, 'time', null, null,
      '2026-01-02 03:04:05.678901+00');
  insert into conversations (id, user_id, goal_id, messages, status, created_at) values
    (${id(41)}, ${id(1)}, ${id(11)}, '[{"role": "user", "content": null}]', 'closed', '2026-01-02 03:04:05.678901+00'),
    (${id(42)}, ${id(2)}, ${id(12)}, null, null, null),
    (${id(43)}, ${id(2)}, ${id(12)}, 'null', 'open', '2026-01-02 03:04:05.000001+00'),
    (${id(44)}, ${id(2)}, ${id(12)}, '"[{\\"role\\": \\"user\\"}]"', 'open', '2026-01-02 03:04:05.000001+00'),
    (${id(45)}, ${id(2)}, ${id(12)}, '"not an array"', 'open', '2026-01-02 03:04:05.000001+00');
  insert into demo_flags (user_id, virtual_now, escalation_speed) values
    (${id(1)}, '2026-02-15 10:00:00.123456+00', 2.5),
    (${id(2)}, null, null);`;

/** Rows that violate a rule, some with NULLs: adopting must not change anything but the NULLs. */
export const IRREGULAR_ROWS = `
  insert into users (id, name, email, preferences, demo_mode) values
    (${id(101)}, '', 'empty-name@example.com', '{}', null),
    (${id(102)}, repeat('n', 256), 'long-name@example.com', null, false),
    (${id(103)}, 'No address', 'not an address', '{}', false),
    (${id(104)}, 'Display name', 'Ada <ada@example.com>', '{}', null),
    (${id(105)}, 'Empty address', '', '{}', false),
    (${id(106)}, 'Long address', repeat('a', 250) || '@example.com', '{}', false),
    (${id(107)}, 'Array', 'array@example.com', '[1]', null),
    (${id(108)}, 'Upper case', 'ADA@EXAMPLE.COM', '"text"', false);
  insert into goals (id, user_id, title, status) values
    (${id(111)}, ${id(1)}, repeat('😀', 501), null), (${id(112)}, ${id(1)}, '', 'active'),
    (${id(113)}, ${id(1)}, repeat('😀', 500), 'active');
  insert into milestones (id, goal_id, week_number, title, status) values
    (${id(121)}, ${id(11)}, 0, 'Week zero', null), (${id(122)}, ${id(11)}, -1, 'Before', 'pending'),
    (${id(123)}, ${id(11)}, 1, repeat('m', 501), 'pending');
  insert into tasks (id, user_id, goal_id, title, start_time, end_time, state, calendar_event_id) values
    (${id(131)}, ${id(1)}, ${id(11)}, repeat('t', 501), null, null, null, null),
    (${id(132)}, ${id(1)}, ${id(11)}, 'End before start', '2026-02-15 11:00:00.000001+00', '2026-02-15 11:00:00+00', null, null),
    (${id(133)}, ${id(1)}, ${id(11)}, 'For ever', '-infinity', 'infinity', 'scheduled', null),
    (${id(134)}, ${id(1)}, ${id(11)}, 'Year 10000', '10000-01-01 00:00:00+00', null, 'scheduled', null),
    (${id(135)}, ${id(1)}, ${id(11)}, 'Before Christ', null, '0044-03-15 12:00:00+00 BC', 'scheduled', null),
    (${id(136)}, ${id(1)}, ${id(11)}, 'No event', null, null, null, '');
  insert into conversations (id, user_id, goal_id, messages, status) values
    (${id(141)}, ${id(1)}, ${id(11)}, '{"role": "user"}', null), (${id(142)}, ${id(1)}, ${id(11)}, '3', 'open');
  insert into demo_flags (user_id, virtual_now, escalation_speed) values
    (${id(101)}, 'infinity', 'Infinity'), (${id(102)}, '-infinity', '-Infinity'), (${id(103)}, null, 'NaN'),
    (${id(104)}, null, -0.5), (${id(105)}, '10000-01-01 00:00:00+00', null);`;

/** How many of {@link IRREGULAR_ROWS} violate each rule. */
export const VIOLATION_COUNTS: Readonly<Record<string, number>> = {
  conversations_messages_array: 2,
  demo_flags_escalation_speed_range: 4,
  demo_flags_virtual_now_range: 3,
  goals_title_length: 2,
  milestones_title_length: 1,
  milestones_week_number_positive: 2,
  tasks_calendar_event_id_length: 1,
  tasks_end_time_not_before_start_time: 1,
  tasks_end_time_range: 2,
  tasks_start_time_range: 2,
  tasks_title_length: 1,
  users_email_format: 3,
  users_email_length: 2,
  users_name_length: 2,
  users_preferences_object: 2,
};
