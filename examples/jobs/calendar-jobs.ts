import {
  DaoTaskService,
  isDaoError,
  joinDrizzle,
  type TaskCreateDto,
  type TaskDto,
  type TaskService,
} from "@flux/dao-core";
import { sql } from "drizzle-orm";
import type { NodePgQueryResultHKT } from "drizzle-orm/node-postgres";
import type { PgDatabase } from "drizzle-orm/pg-core";
import { fromDrizzle, type PgBoss } from "pg-boss";

const QUEUE = "calendar-events";

interface CalendarJob {
  readonly taskId: string;
}

/** The calendar's API. To create an event again under the same id changes nothing. */
export interface Calendar {
  createEvent(id: string, title: string, start: Date | null): Promise<void>;
}

/** The application's Drizzle, or one of its transactions. */
type HostDatabase = PgDatabase<NodePgQueryResultHKT>;

/** Creates the queue unless it exists. A job that fails is repeated for about a week, at most ten minutes apart. */
export function createCalendarQueue(boss: PgBoss): Promise<void> {
  return boss.createQueue(QUEUE, { retryLimit: 1_000, retryBackoff: true, retryDelayMax: 600, expireInSeconds: 60 });
}

/** Creates a task, and the job that will put it into the calendar: both or neither. */
export function planTask(database: HostDatabase, boss: PgBoss, input: TaskCreateDto): Promise<TaskDto> {
  return database.transaction(async (transaction) => {
    const task = await new DaoTaskService(joinDrizzle(transaction)).createTask(input);
    await boss.send(QUEUE, { taskId: task.id }, { db: fromDrizzle(transaction, sql) });
    return task;
  });
}

/** Does the jobs one after the other until `boss` is stopped. Each is done at least once. */
export async function doCalendarJobs(boss: PgBoss, tasks: TaskService, calendar: Calendar): Promise<void> {
  await boss.work<CalendarJob>(QUEUE, { pollingIntervalSeconds: 0.5 }, async ([job]) => {
    if (job === undefined) return;
    try {
      const { id, title, startTime } = await tasks.getTask(job.data.taskId);
      await calendar.createEvent(id, title, startTime);
      await tasks.linkCalendarEvent(id, { calendarEventId: id });
    } catch (error) {
      // The task has been deleted since. After any other error pg-boss repeats the job.
      if (!isDaoError(error) || error.code !== "not_found") throw error;
    }
  });
}
