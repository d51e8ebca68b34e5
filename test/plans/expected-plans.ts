import { amount } from "../depth.ts";

/** How a statement may run on a million tasks. */
export interface ExpectedPlan {
  /** The indexes that are read: all of them and no other. */
  readonly indexes: readonly string[];
  /** 8 kB pages that may be touched; about twice the number when this was written. */
  readonly pages: number;
  /** How many rows may be sorted. Default: none, they come in order. */
  readonly sortedRows?: number;
  /** A table that is read without an index. Default: none is. */
  readonly scans?: string;
}

/** The rows of a page, and one more that shows whether there is another: */
const PAGE = 101;

const byAge = "tasks_created_at_idx";
const byUserAndAge = "tasks_user_id_created_at_idx";
const byUserAndStart = "tasks_user_id_start_time_idx";
const byGoal = "tasks_goal_id_idx";

/** A list whose exact total requires reading all of `table`, since no index narrows it. */
const countedByScan = (table: string, pages: number): ExpectedPlan => ({
  indexes: [`${table}_created_at_idx`],
  pages,
  sortedRows: PAGE,
  scans: table,
});

/** A list by a key with few rows, `rows` at most. */
const ofParent = (index: string, rows = PAGE): ExpectedPlan => ({ indexes: [index], pages: 60, sortedRows: rows });

/** The plans of every statement that only reads, by the name of its call. */
export const EXPECTED_READS: Readonly<Record<string, ExpectedPlan>> = {
  "task: find": { indexes: ["tasks_pkey"], pages: 6 },
  "task: timerange, 7 days": { indexes: [byUserAndStart], pages: 12 },
  "task: timerange, 7 days, busy user": { indexes: [byUserAndStart], pages: 110 },
  "task: statistics, 30 days": { indexes: [byUserAndAge], pages: 16 },
  "task: statistics, 30 days, busy user": { indexes: [byUserAndAge], pages: 140 },

  "task: list, page 1, not counted": { indexes: [byAge], pages: 40, sortedRows: PAGE },
  "task: list, by cursor in the middle": { indexes: [byAge], pages: 40, sortedRows: PAGE },
  "task: list, 1,000 by cursor, as a stream reads": { indexes: [byAge], pages: 260, sortedRows: 1_001 },
  "task: list by userId, busy user, by cursor": { indexes: [byUserAndAge], pages: 110, sortedRows: PAGE },
  "task: list by state, by cursor": { indexes: [byAge], pages: 150, sortedRows: PAGE },

  "task: list, page 1, estimated": { indexes: [byGoal, byAge], pages: 60, sortedRows: PAGE },
  "task: list, by cursor, estimated": { indexes: [byGoal, byAge], pages: 60, sortedRows: PAGE },
  "task: list by userId, busy user, estimated": {
    indexes: [byUserAndStart, byUserAndAge],
    pages: 120,
    sortedRows: PAGE,
  },
  "task: list by state, estimated": { ...countedByScan("tasks", amount(1_500, 500)) },

  "task: list, page 1": { indexes: [byGoal, byAge], pages: 2_200, sortedRows: PAGE },
  "task: list, page 5,000": { indexes: [byGoal, byAge, "tasks_pkey"], pages: 160_000, sortedRows: PAGE },
  "task: list by userId": { indexes: [byUserAndStart, byUserAndAge], pages: 60, sortedRows: PAGE },
  "task: list by userId, busy user": { indexes: [byUserAndStart, byUserAndAge], pages: 220, sortedRows: PAGE },
  "task: list by userId, state, busy user": {
    indexes: [byUserAndStart, byUserAndAge],
    pages: 3_400,
    sortedRows: PAGE,
  },
  "task: list by goalId": ofParent(byGoal),
  "task: list by goalId, 1,000 tasks": { ...ofParent(byGoal, 1_000), pages: 90 },
  "task: list by milestoneId": ofParent("tasks_milestone_id_idx"),
  "task: list by calendarEventId": ofParent("tasks_calendar_event_id_idx"),
  "task: list by state": countedByScan("tasks", 45_000),
  "task: list by priority": countedByScan("tasks", 45_000),
  "task: list by triggerType": countedByScan("tasks", 45_000),
  "task: list by isRecurring": countedByScan("tasks", 45_000),

  "task: list by 100 ids": { indexes: ["tasks_pkey"], pages: 1_700, sortedRows: PAGE },
  "task: list by several milestones": ofParent("tasks_milestone_id_idx"),
  "task: list by several calendar events": ofParent("tasks_calendar_event_id_idx"),
  "task: list by userId, two states, busy user": { indexes: [byUserAndAge], pages: 400, sortedRows: PAGE },
  "task: list by userId, without a milestone, busy user": { indexes: [byUserAndAge], pages: 1_700, sortedRows: PAGE },
  "task: list by userId, 7 days, by startTime, busy user": { indexes: [byUserAndStart], pages: 220, sortedRows: PAGE },
  "task: list by userId, by startTime, busy user": { indexes: [byUserAndStart], pages: 220, sortedRows: PAGE },
  "task: list by userId, by -startTime, busy user": { indexes: [byUserAndStart], pages: 3_400, sortedRows: 7_000 },
  // From the user's first task on, since those without a start come last: docs/decisions.md.
  "task: list by userId, by startTime, by cursor, busy user": {
    indexes: [byUserAndStart],
    pages: 13_000,
    sortedRows: 7_000,
  },
  "task: list by userId, by -title, busy user": { indexes: [byUserAndStart], pages: 3_400, sortedRows: 7_000 },
  "task: list by goalId, by title, 1,000 tasks": { ...ofParent(byGoal, 1_000), pages: 90 },
  "task: list by 100 ids, by endTime": { indexes: ["tasks_pkey"], pages: 1_700, sortedRows: PAGE },
  "task: list by createdAt, not counted": { indexes: [byAge], pages: 40, sortedRows: PAGE },
  "task: count by userId, busy user": { indexes: [byUserAndStart], pages: 120 },

  "goal: find": { indexes: ["goals_pkey"], pages: 6 },
  "goal: full, 16 tasks": { indexes: ["goals_pkey", "milestones_goal_id_idx", byGoal], pages: 60, sortedRows: 16 },
  "goal: full, 1,000 tasks": {
    indexes: ["goals_pkey", "milestones_goal_id_idx", byGoal],
    pages: 90,
    sortedRows: 1_000,
  },
  "goal: list, page 1": countedByScan("goals", 1_600),
  "goal: list by userId": ofParent("goals_user_id_created_at_idx"),
  "goal: list by status": countedByScan("goals", 1_600),
  "goal: list by category": countedByScan("goals", 1_600),
  "milestone: list by goalId": ofParent("milestones_goal_id_idx"),
  "milestone: list by goalId, by weekNumber": ofParent("milestones_goal_id_idx"),
  "milestone: list by status": countedByScan("milestones", 11_000),
  "user: list, page 1": countedByScan("users", 600),
  "user: list by email": ofParent("users_email_key"),
  "conversation: list by userId": ofParent("conversations_user_id_created_at_idx"),
  "conversation: list by goalId": ofParent("conversations_goal_id_idx"),
  "conversation: list by status": countedByScan("conversations", 1_100),
};

const insert = (pages: number): ExpectedPlan => ({ indexes: [], pages });
const byKey = (table: string, pages: number, sortedRows = 0): ExpectedPlan => ({
  indexes: [`${table}_pkey`],
  pages,
  sortedRows,
});

/** The plans of every statement that writes. Foreign-key checks are not part of a plan; table scans are counted instead. */
export const EXPECTED_WRITES: Readonly<Record<string, ExpectedPlan>> = {
  "task: create": insert(60),
  "task: create 1,000 at once": insert(36_000),
  "task: update state": byKey("tasks", 70),
  "task: update times": byKey("tasks", 70),
  "task: bulk update, 100 ids": byKey("tasks", 7_200),
  "task: bulk update, 1,000 ids": byKey("tasks", 72_000),
  "task: different changes, 100 tasks": byKey("tasks", 7_200, 100),
  "task: different changes, 1,000 tasks": byKey("tasks", 72_000, 1_000),
  "task: delete": byKey("tasks", 12),
  // Of the tables and all their indexes, for every row.
  "goal: structure 8 × 5": insert(20 * (8 + 8 * 5)),
  "goal: structure 20 × 50": insert(20 * (20 + 20 * 50)),
  "goal: update": byKey("goals", 40),
  "goal: delete, cascades": byKey("goals", 10),
  "goal: delete, 1,000 tasks": byKey("goals", 10),
  "milestone: delete, cascades": byKey("milestones", 12),
  "user: delete, cascades": byKey("users", 12),
  "user: delete, busy user": byKey("users", 12),
  "conversation: update": byKey("conversations", 40),
};
