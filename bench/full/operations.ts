import { createDaoServices, type Database } from "@flux/dao-core";
import type { FullSamples } from "./samples.ts";

/** An operation that is measured on a small and on a large table. */
export interface FullOperation {
  readonly title: string;
  /** Concurrent callers; one for operations that take seconds on the large table. */
  readonly callers: number;
  /**
   * Maximum calls in a slice, for operations that would make the small table large. Default: as many as fit into the time.
   */
  readonly maxCalls?: number;
  /** Takes seconds on the large table, so it is measured in every third round only. */
  readonly isSlow?: boolean;
  /** Maximum cost on the large table relative to the small one. Default: none. */
  readonly target?: number;
}

const CALLERS = 8;
const DAY_MS = 86_400_000;

/** By the names in the recorded results, in the order in which they are measured. */
export const FULL_OPERATIONS = {
  find: { title: "find by id", callers: CALLERS, target: 1.3 },
  timerange: { title: "by-timerange, 7 days", callers: CALLERS, target: 1.3 },
  statistics: { title: "statistics, 30 days", callers: CALLERS, target: 1.3 },
  ordered: { title: "open tasks of a user, 30 days, in order of start", callers: CALLERS, target: 1.3 },
  byGoal: { title: "tasks of a goal by title, with total", callers: CALLERS, target: 1.3 },
  byIds: { title: "20 tasks by id", callers: CALLERS, target: 1.3 },
  counted: { title: "count of a user's missed tasks", callers: CALLERS, target: 1.3 },
  goals: { title: "goals of a user by title", callers: CALLERS, target: 1.3 },
  milestones: { title: "milestones of a goal by week", callers: CALLERS, target: 1.3 },
  goalFull: { title: "goal full, 40 tasks", callers: CALLERS, target: 1.3 },
  update: { title: "update task", callers: CALLERS, maxCalls: 500, target: 1.3 },
  create: { title: "create task", callers: CALLERS, maxCalls: 500, target: 1.3 },
  firstPage: { title: 'page 1, `count: "none"`', callers: CALLERS },
  nextPage: { title: "page 2 by cursor", callers: CALLERS },
  middleByCursor: { title: "page in the middle, by cursor", callers: CALLERS },
  middleByNumber: { title: "page in the middle, by number", callers: 1, isSlow: true },
  estimated: { title: 'page 1, `count: "estimated"`', callers: CALLERS },
  exact: { title: 'page 1, `count: "exact"`', callers: 1, isSlow: true },
} as const satisfies Record<string, FullOperation>;

export type FullOperationName = keyof typeof FULL_OPERATIONS;

export const FULL_OPERATION_NAMES = Object.keys(FULL_OPERATIONS) as FullOperationName[];

/** The calls; `call` numbers them, and selects the input. */
export type FullCalls = Readonly<Record<FullOperationName, (call: number) => Promise<unknown>>>;

/** The operations by the services. Requests the cursors of the pages first. */
export async function fullCalls(database: Database, samples: FullSamples): Promise<FullCalls> {
  const { goals, milestones, tasks } = createDaoServices(database);
  const { middlePage } = samples;
  const weeks = samples.weeks.map(({ userId, start, end }) => ({
    userId,
    startTime: new Date(start),
    endTime: new Date(end),
  }));
  const months = samples.months.map(({ userId, start, end }) => ({
    userId,
    startDate: new Date(start),
    endDate: new Date(end),
  }));
  const startMonths = samples.weeks.map(({ userId, start, end }) => ({
    userId,
    startTime: new Date(Date.parse(start) - 12 * DAY_MS),
    endTime: new Date(Date.parse(end) + 11 * DAY_MS),
  }));
  const begin = new Date();
  const cursorAfter = async (page: number) => {
    const { nextCursor } = await tasks.listTasks({ page, count: "none" });
    if (nextCursor === null) throw new Error(`Page ${page} is the last.`);
    return nextCursor;
  };
  const afterFirst = await cursorAfter(1);
  const beforeMiddle = await cursorAfter(middlePage - 1);
  return {
    find: (call) => tasks.getTask(nth(samples.taskIds, call)),
    timerange: (call) => tasks.getTasksByTimerange(nth(weeks, call)),
    statistics: (call) => tasks.getTaskStatistics(nth(months, call)),
    ordered: (call) => {
      const { userId, startTime, endTime } = nth(startMonths, call);
      return tasks.listTasks({
        userId,
        state: ["scheduled", "drifted"],
        startTime: { from: startTime, before: endTime },
        sort: "startTime",
        count: "none",
      });
    },
    byGoal: (call) => tasks.listTasks({ goalId: nth(samples.parents, call).goalId, sort: "title" }),
    byIds: (call) =>
      tasks.listTasks({ id: Array.from({ length: 20 }, (_, n) => nth(samples.taskIds, 20 * call + n)), count: "none" }),
    counted: (call) => tasks.countTasks({ userId: nth(samples.parents, call).userId, state: "missed" }),
    goals: (call) => goals.listGoals({ userId: nth(samples.parents, call).userId, sort: "title", count: "none" }),
    milestones: (call) =>
      milestones.listMilestones({ goalId: nth(samples.parents, call).goalId, sort: "weekNumber", count: "none" }),
    goalFull: (call) => goals.getGoalFull(nth(samples.parents, call).goalId),
    update: (call) => tasks.updateTask(nth(samples.taskIds, call), { title: `Run ${call % 20} km` }),
    create: (call) =>
      tasks.createTask({
        ...nth(samples.parents, call),
        title: "Run 5 km at an easy pace",
        startTime: begin,
        endTime: begin,
        calendarEventId: call % 4 === 0 ? `evt_${call}` : null,
      }),
    firstPage: () => tasks.listTasks({ count: "none" }),
    nextPage: () => tasks.listTasks({ cursor: afterFirst, count: "none" }),
    middleByCursor: () => tasks.listTasks({ cursor: beforeMiddle, count: "none" }),
    middleByNumber: () => tasks.listTasks({ page: middlePage, count: "none" }),
    estimated: () => tasks.listTasks({ count: "estimated" }),
    exact: () => tasks.listTasks({ count: "exact" }),
  };
}

function nth<Item>(list: readonly Item[], number: number): Item {
  const item = list[number % list.length];
  if (item === undefined) throw new RangeError("The list is empty.");
  return item;
}
