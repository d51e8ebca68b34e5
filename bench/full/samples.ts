import type postgres from "postgres";

/** A user and a time range, its ends as RFC 3339 text. */
interface TimeRange {
  readonly userId: string;
  readonly start: string;
  readonly end: string;
}

/** Rows from all over a seeded database. Plain data, to be sent as JSON. */
export interface FullSamples {
  readonly taskIds: readonly string[];
  /** Seven days each, around the start of a task. */
  readonly weeks: readonly TimeRange[];
  /** Thirty days each, around the creation of a task. */
  readonly months: readonly TimeRange[];
  /** Owners for a new task. */
  readonly parents: readonly { readonly userId: string; readonly goalId: string; readonly milestoneId: string }[];
  /** The number of the page of 100 that ends in the middle of all tasks. */
  readonly middlePage: number;
}

/** Samples of each kind: enough to cover a considerable part of a large table's pages. */
const DRAWN = 5000;

/** Picks one task of each of 5,000 goals at random; with fewer goals it repeats them. */
export async function drawSamples(sql: postgres.Sql): Promise<FullSamples> {
  const drawn = await sql<DrawnTask[]>`
    select task.id, task.user_id as "userId", task.goal_id as "goalId", task.milestone_id as "milestoneId",
           task.start_time as "startTime", task.created_at as "createdAt"
    from (select id from goals order by md5(id::text) limit ${DRAWN}) as goal,
         lateral (select * from tasks where goal_id = goal.id order by md5(id::text) limit 1) as task`;
  const [counted] = await sql<{ tasks: string }[]>`select count(*) as tasks from tasks`;
  return {
    taskIds: drawn.map(({ id }) => id),
    weeks: drawn.map(({ userId, startTime }) => ({ userId, ...around(startTime, 7) })),
    months: drawn.map(({ userId, createdAt }) => ({ userId, ...around(createdAt, 30) })),
    parents: drawn.map(({ userId, goalId, milestoneId }) => ({ userId, goalId, milestoneId })),
    middlePage: Math.round(Number(counted?.tasks) / 200),
  };
}

interface DrawnTask {
  readonly id: string;
  readonly userId: string;
  readonly goalId: string;
  readonly milestoneId: string;
  readonly startTime: Date;
  readonly createdAt: Date;
}

function around(middle: Date, days: number): { start: string; end: string } {
  const half = (days * 86_400_000) / 2;
  return {
    start: new Date(middle.getTime() - half).toISOString(),
    end: new Date(middle.getTime() + half).toISOString(),
  };
}
