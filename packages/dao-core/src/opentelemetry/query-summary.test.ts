import { expect, test } from "vitest";
import { summarize } from "./database-telemetry.ts";

test.each([
  ['select "id", "title" from "tasks" where "tasks"."id" = $1', "select tasks", "select", "tasks"],
  ['select "id" from "tasks" where "id" = $1 for update', "select tasks", "select", "tasks"],
  ['insert into "users" ("id", "name") values ($1, $2) returning "id"', "insert users", "insert", "users"],
  [
    'insert into "demo_flags" ("user_id") values ($1) on conflict ("user_id") do update set "a" = $2',
    "insert demo_flags",
    "insert",
    "demo_flags",
  ],
  ['update "goals" set "title" = $1 where "goals"."id" = $2', "update goals", "update", "goals"],
  [
    'with written as (insert into "tasks" select "id" from unnest($1::text::uuid[]) as record("id") returning 1 as "one") select count(*) as count from written',
    "insert tasks select",
    undefined,
    "tasks",
  ],
  [
    `update "conversations" set "messages" = $1 where "conversations"."id" = $2 and (select jsonb_typeof("held") <> 'string' from (select "conversations"."messages" #> '{}' as "held" offset 0) as decompressed) returning 1`,
    "update conversations",
    "update",
    "conversations",
  ],
  ['delete from "users" where "users"."id" = $1', "delete users", "delete", "users"],
  ['explain (format json) select 1 as "one" from "tasks"', "explain select tasks", undefined, "tasks"],
  [
    'select "total", "page"."id" from (select count(*) as "total" from "tasks") "counted" left join (select "id" from "tasks" limit $1) "page" on true',
    "select tasks select tasks",
    "select",
    "tasks",
  ],
  [
    'with "locked" as (select "id" from "tasks" order by "id" for update) update "tasks" set "state" = $1 from "locked" where "tasks"."id" = "locked"."id"',
    "select tasks update tasks",
    undefined,
    "tasks",
  ],
  [
    'with "new_goal" as (insert into "goals" ("id") values ($1) returning "created_at"), "new_tasks" as (insert into "tasks" select "id", now() from unnest($2::text::uuid[]) as record("id")) select "created_at" from "new_goal"',
    "insert goals insert tasks select",
    undefined,
    undefined,
  ],
])("%s", (statement, text, operation, table) => {
  expect(summarize(statement)).toEqual({ text, operation, table });
});
