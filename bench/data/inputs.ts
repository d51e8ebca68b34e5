import type postgres from "postgres";
import type { Cursor } from "../handwritten/rows.ts";
import { LAST_PAGE } from "../operations.ts";

/** The inputs of the operations: rows of the seeded database, picked at random. Plain data, to be sent as JSON. */
export interface Inputs {
  readonly taskIds: readonly string[];
  readonly goalIds: readonly string[];
  /** Seven days each, around a task. */
  readonly weeks: readonly { readonly userId: string; readonly start: string; readonly end: string }[];
  /** The last thirty days of each user. */
  readonly months: readonly { readonly userId: string; readonly start: string; readonly end: string }[];
  /** Disjoint sets of a thousand ids, each from all over the table. */
  readonly bulks: readonly (readonly string[])[];
  /** The cursor before the last page. */
  readonly beforeLastPage: Cursor;
  /** Owner of the rows that are written, so that they can be removed again. */
  readonly scratch: { readonly userId: string; readonly goalId: string; readonly milestoneId: string };
  /** Conversations of the scratch goal, to append to. */
  readonly conversationIds: readonly string[];
  /** Start time of new structures. */
  readonly begin: string;
  readonly importRows: number;
}

/** Creates the scratch rows, and picks the others. */
export async function drawInputs(sql: postgres.Sql, importRows: number): Promise<Inputs> {
  const tasks = await sql<{ id: string }[]>`select id from tasks order by md5(id::text)`;
  const ids = tasks.map(({ id }) => id);
  const goals = await sql<{ id: string }[]>`select id from goals order by md5(id::text)`;
  const weeks = await sql<{ userId: string; start: Date; end: Date }[]>`
    select user_id as "userId", start_time - interval '3 days' as start, start_time + interval '4 days' as end
    from tasks order by md5(id::text) limit 1000`;
  const users = await sql<
    { userId: string }[]
  >`select user_id as "userId" from goals group by 1 order by md5(user_id::text)`;
  const [beforeLastPage] = await sql<Cursor[]>`
    select created_at::text, id from tasks order by created_at desc, id desc limit 1 offset ${(LAST_PAGE - 1) * 100 - 1}`;
  const [scratch] = await sql<Inputs["scratch"][]>`
    with owner as (insert into users (name, email) values ('Scratch', 'scratch@example.com') returning id),
      goal as (insert into goals (user_id, title) select id, 'Scratch' from owner returning id, user_id),
      milestone as (insert into milestones (goal_id, week_number, title) select id, 1, 'Scratch' from goal returning id)
    select goal.user_id as "userId", goal.id as "goalId", milestone.id as "milestoneId" from goal, milestone`;
  if (scratch === undefined || beforeLastPage === undefined) throw new Error("The database was not seeded.");
  const conversations = await sql<{ id: string }[]>`
    insert into conversations (user_id, goal_id)
    select ${scratch.userId}, ${scratch.goalId} from generate_series(1, 100) returning id`;
  const now = Date.now();
  const month = { start: new Date(now - 30 * 86_400_000).toISOString(), end: new Date(now).toISOString() };
  return {
    taskIds: ids.slice(0, 5000),
    goalIds: goals.map(({ id }) => id),
    weeks: weeks.map(({ userId, start, end }) => ({ userId, start: start.toISOString(), end: end.toISOString() })),
    months: users.map(({ userId }) => ({ userId, ...month })),
    bulks: Array.from({ length: Math.floor(ids.length / 1000) }, (_, set) => ids.slice(set * 1000, (set + 1) * 1000)),
    beforeLastPage,
    scratch,
    conversationIds: conversations.map(({ id }) => id),
    begin: new Date(now).toISOString(),
    importRows,
  };
}

/** Removes the rows that the operations have created, and vacuums the dead rows of updates. */
export async function removeScratch(sql: postgres.Sql, { scratch }: Inputs): Promise<void> {
  await sql`delete from goals where user_id = ${scratch.userId} and id <> ${scratch.goalId}`;
  await sql`delete from tasks where user_id = ${scratch.userId}`;
  await sql`update conversations set messages = '[]' where user_id = ${scratch.userId} and messages <> '[]'`;
  await sql.unsafe("vacuum tasks, milestones, goals, conversations");
}
