import type { TaskDto } from "@flux/dao-core";

/** Rows as postgres.js returns them: column names, timestamps as `Date`s. */
export interface TaskRow {
  readonly id: string;
  readonly user_id: string;
  readonly goal_id: string;
  readonly milestone_id: string | null;
  readonly title: string;
  readonly start_time: Date | null;
  readonly end_time: Date | null;
  readonly state: string;
  readonly priority: string;
  readonly trigger_type: string;
  readonly is_recurring: boolean;
  readonly calendar_event_id: string | null;
  readonly created_at: Date;
}

export interface MilestoneRow {
  readonly id: string;
  readonly goal_id: string;
  readonly week_number: number;
  readonly title: string;
  readonly status: string;
  readonly created_at: Date;
}

export interface GoalRow {
  readonly id: string;
  readonly user_id: string;
  readonly title: string;
  readonly category: string | null;
  readonly timeline: string | null;
  readonly status: string;
  readonly created_at: Date;
}

/** The last row of a page, its creation time in full precision. */
export interface Cursor {
  readonly created_at: string;
  readonly id: string;
}

export interface StatisticsRow {
  readonly total: number;
  readonly scheduled: number;
  readonly drifted: number;
  readonly completed: number;
  readonly missed: number;
}

/** The fields of a new task; `Date`s in process, text over HTTP. */
export interface NewTask {
  readonly title: string;
  readonly start_time: Date | string | null;
  readonly end_time: Date | string | null;
  readonly state: TaskDto["state"];
  readonly priority: TaskDto["priority"];
  readonly trigger_type: TaskDto["triggerType"];
  readonly is_recurring: boolean;
  readonly calendar_event_id: string | null;
}

export interface NewStructure {
  readonly goal: {
    readonly user_id: string;
    readonly title: string;
    readonly category: string | null;
    readonly timeline: string | null;
    readonly status: string;
  };
  readonly milestones: readonly {
    readonly week_number: number;
    readonly title: string;
    readonly status: string;
    readonly tasks: readonly NewTask[];
  }[];
}
