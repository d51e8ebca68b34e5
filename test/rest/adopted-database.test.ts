import { openDatabase } from "@flux/dao-core";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { expectProblem, expectStatus } from "./answer.ts";
import type { ConversationRow, DemoFlagsRow, GoalRow, GoalWithRelations, PageOf, TaskRow, UserRow } from "./rows.ts";
import { INSTANT, type RestServer, startRestServer } from "./server.ts";

const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const NAME = `flux_adopted_${crypto.randomUUID().replaceAll("-", "")}`;

/** A database that the Python service leaves behind (contract, last section), with rows that only it could write. */
const PYTHON_DATABASE = `
  create type task_state as enum ('scheduled', 'drifted', 'completed', 'missed');
  create type task_priority as enum ('standard', 'important', 'must-not-miss');
  create type trigger_type as enum ('time', 'on_leaving_home');
  create table users (id uuid primary key default gen_random_uuid(), name text not null, email text not null unique,
    preferences jsonb default '{}', demo_mode boolean default false, created_at timestamptz default now());
  create table goals (id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users (id) on delete cascade, title text not null, category text, timeline text,
    status text default 'active', created_at timestamptz default now());
  create table milestones (id uuid primary key default gen_random_uuid(),
    goal_id uuid not null references goals (id) on delete cascade, week_number integer not null, title text not null,
    status text default 'pending', created_at timestamptz default now());
  create table tasks (id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users (id) on delete cascade,
    goal_id uuid not null references goals (id) on delete cascade,
    milestone_id uuid references milestones (id) on delete cascade, title text not null, start_time timestamptz,
    end_time timestamptz, state task_state default 'scheduled', priority task_priority default 'standard',
    trigger_type trigger_type default 'time', is_recurring boolean default false, calendar_event_id varchar(255),
    created_at timestamptz default now());
  create table conversations (id uuid primary key default gen_random_uuid(),
    user_id uuid not null references users (id) on delete cascade,
    goal_id uuid not null references goals (id) on delete cascade, messages jsonb default '[]',
    status text default 'open', created_at timestamptz default now());
  create table demo_flags (user_id uuid primary key references users (id) on delete cascade, virtual_now timestamptz,
    escalation_speed double precision default 1.0);
  create index idx_goals_user_id on goals (user_id);
  create index idx_milestones_goal_id on milestones (goal_id);
  create index idx_tasks_user_id on tasks (user_id);
  create index idx_tasks_goal_id on tasks (goal_id);
  create index idx_tasks_milestone_id on tasks (milestone_id);
  create index idx_tasks_calendar_event_id on tasks (calendar_event_id);
  create index idx_conversations_user_id on conversations (user_id);
  create index idx_conversations_goal_id on conversations (goal_id);

  insert into users values
    ('${id(1)}', 'Jane', 'jane@example.com', null, null, null),
    ('${id(2)}', '', 'no address', 'null', true, '2026-01-01T00:00:00.123456Z');
  insert into goals values
    ('${id(3)}', '${id(1)}', 'a goal', null, null, null, null),
    ('${id(4)}', '${id(2)}', '${"x".repeat(600)}', '', '', '', '-infinity');
  insert into milestones values ('${id(5)}', '${id(4)}', 0, '', null, 'infinity');
  insert into tasks (id, user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type,
    is_recurring, calendar_event_id) values
    ('${id(6)}', '${id(1)}', '${id(3)}', null, 'a task', '2026-02-15T10:00:00.123456Z', null, null, null, null, null, null),
    ('${id(7)}', '${id(1)}', '${id(3)}', '${id(5)}', 'of another goal', 'infinity', '-infinity', 'missed', 'important',
      'on_leaving_home', true, '');
  insert into conversations values ('${id(8)}', '${id(1)}', '${id(3)}', 'null', null, null);
  insert into demo_flags values ('${id(1)}', 'infinity', 'Infinity'), ('${id(2)}', null, null);
`;

let server: RestServer;

async function onServer(work: (sql: postgres.Sql) => Promise<unknown>, url = inject("adminUrl")) {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  await work(sql).finally(() => sql.end());
}

beforeAll(async () => {
  await onServer((sql) => sql.unsafe(`create database ${NAME}`));
  const url = new URL(inject("adminUrl"));
  url.pathname = `/${NAME}`;
  await onServer((sql) => sql.unsafe(PYTHON_DATABASE), url.href);
  const database = await openDatabase(url.href);
  await database.migrate();
  await database.close();
  server = await startRestServer({ databaseUrl: url.href });
});

afterAll(async () => {
  await server.stop();
  await onServer((sql) => sql.unsafe(`drop database ${NAME} with (force)`));
});

const get = async <Body>(path: string) => expectStatus(await server.call<Body>("GET", path), 200);
const instant = expect.stringMatching(INSTANT);

describe("Data: adopting a database of the Python service, as callers see it", () => {
  test("it is ready", async () => {
    expect(await get("/ready")).toEqual({ status: "ready" });
  });

  test("NULLs in columns with a default have become the default", async () => {
    expect(await get<UserRow>(`/api/v1/users/${id(1)}`)).toStrictEqual({
      id: id(1),
      name: "Jane",
      email: "jane@example.com",
      preferences: {},
      demo_mode: false,
      created_at: instant,
    });
    expect(await get<GoalRow>(`/api/v1/goals/${id(3)}`)).toMatchObject({ status: "active", created_at: instant });
    expect(await get<TaskRow>(`/api/v1/tasks/${id(6)}`)).toStrictEqual({
      id: id(6),
      user_id: id(1),
      goal_id: id(3),
      milestone_id: null,
      title: "a task",
      start_time: "2026-02-15T10:00:00.123Z",
      end_time: null,
      state: "scheduled",
      priority: "standard",
      trigger_type: "time",
      is_recurring: false,
      calendar_event_id: null,
      created_at: instant,
    });
    const conversation = await get<ConversationRow>(`/api/v1/conversations/${id(8)}`);
    expect(conversation).toMatchObject({ messages: [], status: "open", created_at: instant });
    const defaults = { user_id: id(2), virtual_now: null, escalation_speed: 1 };
    expect(await get(`/api/v1/demo-flags/${id(2)}`)).toStrictEqual(defaults);
  });

  test("JSON null reads as empty; an e-mail or a title that breaks a rule is returned unchanged", async () => {
    expect(await get<UserRow>(`/api/v1/users/${id(2)}`)).toStrictEqual({
      id: id(2),
      name: "",
      email: "no address",
      preferences: {},
      demo_mode: true,
      created_at: "2026-01-01T00:00:00.123Z",
    });
    expect((await get<GoalRow>(`/api/v1/goals/${id(4)}`)).title).toHaveLength(600);
    expect(await get(`/api/v1/milestones/${id(5)}`)).toMatchObject({ week_number: 0, title: "", status: "pending" });
  });

  test("infinite times and speeds are still RFC 3339 and JSON", async () => {
    expect((await get<GoalRow>(`/api/v1/goals/${id(4)}`)).created_at).toMatch(INSTANT);
    expect(await get<TaskRow>(`/api/v1/tasks/${id(7)}`)).toMatchObject({ start_time: instant, end_time: instant });
    const flags = await get<DemoFlagsRow>(`/api/v1/demo-flags/${id(1)}`);
    expect(flags.virtual_now).toMatch(INSTANT);
    expect(Number.isFinite(flags.escalation_speed)).toBe(true);
  });

  test("no row is rejected: lists and whole goals contain them all", async () => {
    for (const [list, total] of [
      ["users", 2],
      ["goals", 2],
      ["milestones", 1],
      ["tasks", 2],
      ["conversations", 1],
    ] as const) {
      const page = await get<PageOf<unknown>>(`/api/v1/${list}/`);
      expect({ total: page.total, items: page.items.length }).toEqual({ total, items: total });
    }
    const full = await get<GoalWithRelations>(`/api/v1/goals/${id(3)}/full`);
    // The milestone of another goal stays with its goal, the task that refers to it with its own.
    expect(full.milestones).toEqual([]);
    expect(full.tasks.map((task) => task.id)).toEqual([id(6), id(7)]);
    expect((await get<GoalWithRelations>(`/api/v1/goals/${id(4)}/full`)).milestones).toHaveLength(1);
  });

  test("times keep their microseconds in the database; the value in a response selects the row", async () => {
    const at = "2026-02-15T10:00:00.123Z";
    const query = `user_id=${id(1)}&start_time=${at}&end_time=${at}`;
    expect(await get<readonly TaskRow[]>(`/api/v1/tasks/by-timerange?${query}`)).toMatchObject([{ id: id(6) }]);
    await server.sql(`
      do $$ begin
        assert (select start_time = '2026-02-15T10:00:00.123456Z' from tasks where id = '${id(6)}'), 'microseconds';
      end $$`);
  });

  test("a start that was read is accepted as an end, though the row's start has microseconds", async () => {
    const task = `/api/v1/tasks/${id(6)}`;
    const { start_time } = await get<TaskRow>(task);
    const ended = await server.call<TaskRow>("PATCH", task, { body: { end_time: start_time } });
    expect(expectStatus(ended, 200)).toMatchObject({ start_time, end_time: start_time });
    const updates = [{ id: id(6), end_time: start_time, start_time }];
    expectStatus(await server.call("POST", "/api/v1/tasks/bulk-update", { body: { updates } }), 200);
    await server.sql(
      `update tasks set start_time = '2026-02-15T10:00:00.123456Z', end_time = null where id = '${id(6)}'`,
    );
    const [update] = [{ id: id(6), end_time: start_time }];
    expectStatus(await server.call("POST", "/api/v1/tasks/bulk-update", { body: { updates: [update] } }), 200);
    await server.sql(`
      do $$ begin
        assert (select end_time = start_time from tasks where id = '${id(6)}'), 'the Python service refuses to read others';
      end $$`);
    const earlier = await server.call("PATCH", task, { body: { end_time: "2026-02-15T10:00:00.122Z" } });
    expect(expectProblem(earlier, 400).errors?.[0]?.path).toBe("end_time");
    expectStatus(await server.call("PATCH", task, { body: { end_time: null } }), 200);
  });

  test("a bulk call names the row that breaks a rule, and its position in the request", async () => {
    const rule = { errors: [{ path: "task_ids.1.calendar_event_id", message: expect.stringContaining(id(7)) }] };
    const body = { task_ids: [id(6), id(7).toUpperCase(), id(6)], new_state: "missed" };
    expect(expectProblem(await server.call("POST", "/api/v1/tasks/bulk-update-state", { body }), 400)).toMatchObject(
      rule,
    );
    const updates = [
      { id: id(6), state: "missed" },
      { id: id(7), state: "drifted" },
    ];
    const bulk = await server.call("POST", "/api/v1/tasks/bulk-update", { body: { updates } });
    const problem = expectProblem(bulk, 400);
    expect(problem.errors).toEqual([{ path: "updates.1.calendar_event_id", message: expect.stringContaining(id(7)) }]);
    expect(problem.detail).toContain(id(7));
    expect((await get<TaskRow>(`/api/v1/tasks/${id(6)}`)).state).toBe("scheduled");
  });

  test("its rows can be changed and deleted", async () => {
    const task = `/api/v1/tasks/${id(6)}`;
    const changed = await server.call("PATCH", task, { body: { state: "completed" } });
    expect(expectStatus(changed, 200)).toMatchObject({ state: "completed", start_time: "2026-02-15T10:00:00.123Z" });
    expectStatus(await server.call("DELETE", `/api/v1/users/${id(2)}`), 204);
    expect((await get<PageOf<unknown>>("/api/v1/milestones/")).total).toBe(0);
    // The task belonged to a milestone of the deleted user's goal.
    expect((await get<PageOf<TaskRow>>("/api/v1/tasks/")).items.map((row) => row.id)).toEqual([id(6)]);
  });
});
