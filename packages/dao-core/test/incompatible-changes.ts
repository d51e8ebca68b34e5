/** DDL that invalidates a statement prepared before it, while the same statement prepared again works. */
export const INCOMPATIBLE_CHANGES: readonly (readonly [what: string, ddl: string])[] = [
  [
    "the type of a written column changed",
    "alter table users drop constraint users_name_length; alter table users alter column name type jsonb using to_jsonb(name)",
  ],
  [
    "the type of a filtered column changed",
    `alter table goals alter column user_id drop default, drop constraint goals_user_id_fkey;
     alter table goals alter column user_id type text`,
  ],
  [
    "an enum was recreated",
    `alter table tasks alter column state drop default; alter type task_state rename to old_state;
     create type task_state as enum ('scheduled', 'drifted', 'completed', 'missed');
     alter table tasks alter column state type task_state using state::text::task_state; drop type old_state cascade;
     alter table tasks alter column state set default 'scheduled'`,
  ],
];
