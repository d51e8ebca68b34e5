import { z } from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { id } from "./id.ts";
import { instant } from "./instant.ts";
import { listRequest, type Page } from "./page.ts";
import { text } from "./text.ts";
import { memberOf, refuseLongList, validate } from "./validation.ts";

/** In the guide's order, which is also the order of the database's enum types. */
export const TASK_STATES = ["scheduled", "drifted", "completed", "missed"] as const;
export const TASK_PRIORITIES = ["standard", "important", "must-not-miss"] as const;
export const TRIGGER_TYPES = ["time", "on_leaving_home"] as const;

export type TaskState = (typeof TASK_STATES)[number];
export type TaskPriority = (typeof TASK_PRIORITIES)[number];
export type TriggerType = (typeof TRIGGER_TYPES)[number];

/** The most ids that {@link TaskService.bulkUpdateState} takes at once. */
export const MAX_BULK_TASKS = 1000;

const title = text({ min: 1, max: 500 });
const calendarEventId = text({ min: 1, max: 255 });

interface TimeSpan {
  readonly startTime?: Date | null | undefined;
  readonly endTime?: Date | null | undefined;
}

/** The rule that spans two fields; the database holds it too, for the row that results from an update. */
function endsBeforeItStarts({ startTime, endTime }: TimeSpan): boolean {
  return startTime != null && endTime != null && endTime < startTime;
}

const endBeforeStart = { path: ["endTime"], error: "must not be before the start time" };

/** One thing to do, with its place in time. */
export const taskDto = z.object({
  id: id(),
  userId: id(),
  goalId: id(),
  milestoneId: id().nullable(),
  title,
  startTime: instant().nullable(),
  endTime: instant().nullable(),
  state: z.enum(TASK_STATES),
  priority: z.enum(TASK_PRIORITIES),
  triggerType: z.enum(TRIGGER_TYPES),
  isRecurring: z.boolean(),
  calendarEventId: calendarEventId.nullable(),
  createdAt: instant(),
});

/** What a task within a goal's structure may say: all but the rows that it belongs to. */
const taskCreateShape = {
  title,
  /** Default `null`. */
  startTime: instant().nullable().default(null),
  /** Not before `startTime`. Default `null`. */
  endTime: instant().nullable().default(null),
  /** Default `scheduled`. */
  state: z.enum(TASK_STATES).default("scheduled"),
  /** Default `standard`. */
  priority: z.enum(TASK_PRIORITIES).default("standard"),
  /** Default `time`. */
  triggerType: z.enum(TRIGGER_TYPES).default("time"),
  /** Default `false`. */
  isRecurring: z.boolean().default(false),
  /** Default `null`. */
  calendarEventId: calendarEventId.nullable().default(null),
};

export const taskStructureDto = z.object(taskCreateShape).refine((task) => !endsBeforeItStarts(task), endBeforeStart);

export const taskCreateDto = z
  .object({
    userId: id(),
    goalId: id(),
    /** Default `null`. */
    milestoneId: id().nullable().default(null),
    ...taskCreateShape,
  })
  .refine((task) => !endsBeforeItStarts(task), endBeforeStart);

/** An absent field is kept, `null` clears. A task stays with its user and its goal. */
export const taskUpdateDto = z
  .object({
    milestoneId: id().nullable().optional(),
    title: title.optional(),
    startTime: instant().nullable().optional(),
    endTime: instant().nullable().optional(),
    state: z.enum(TASK_STATES).optional(),
    priority: z.enum(TASK_PRIORITIES).optional(),
    triggerType: z.enum(TRIGGER_TYPES).optional(),
    isRecurring: z.boolean().optional(),
    calendarEventId: calendarEventId.nullable().optional(),
  })
  .refine((task) => !endsBeforeItStarts(task), endBeforeStart);

export const taskListRequest = listRequest({
  userId: id().optional(),
  goalId: id().optional(),
  milestoneId: id().optional(),
  state: z.enum(TASK_STATES).optional(),
  priority: z.enum(TASK_PRIORITIES).optional(),
  triggerType: z.enum(TRIGGER_TYPES).optional(),
  isRecurring: z.boolean().optional(),
  calendarEventId: text().optional(),
});

/** A user's tasks whose start lies within the range, both ends included, to the millisecond. */
export const taskTimerangeRequest = z
  .strictObject({ userId: id(), startTime: instant(), endTime: instant() })
  .refine(({ startTime, endTime }) => startTime <= endTime, endBeforeStart);

/** A user's tasks that were created within the range, both ends included, to the millisecond. */
export const taskStatisticsRequest = z
  .strictObject({ userId: id(), startDate: instant(), endDate: instant() })
  .refine(({ startDate, endDate }) => startDate <= endDate, {
    path: ["endDate"],
    error: "must not be before the start date",
  });

export const taskStatisticsDto = z.object({
  userId: id(),
  totalTasks: z.int().min(0),
  /** How many tasks are in each of the four states, 0 where none is. */
  byState: z.object({
    scheduled: z.int().min(0),
    drifted: z.int().min(0),
    completed: z.int().min(0),
    missed: z.int().min(0),
  }),
  /** Completed by total, 0 to 1, rounded to 4 decimals; 0 where there is no task. */
  completionRate: z.number().min(0).max(1),
});

/** Ids that do not exist are passed over; duplicates count once. */
export const bulkUpdateStateRequest = z.object({
  taskIds: z
    .array(id())
    .min(1, { error: `must hold 1 to ${MAX_BULK_TASKS} ids` })
    .max(MAX_BULK_TASKS, { error: `must hold 1 to ${MAX_BULK_TASKS} ids` }),
  newState: z.enum(TASK_STATES),
});

/**
 * Parses a bulk update.
 * @throws ValidationError
 */
export function validateBulkUpdate(input: unknown): z.output<typeof bulkUpdateStateRequest> {
  refuseLongList("taskIds", memberOf(input, "taskIds"), MAX_BULK_TASKS, "ids");
  return validate(bulkUpdateStateRequest, input);
}

export const bulkUpdateStateResult = z.object({ updatedCount: z.int().min(0) });

/** Links a task with an event of a calendar; `null` unlinks it. */
export const calendarEventLinkDto = z.object({ calendarEventId: calendarEventId.nullable() });

export type TaskDto = z.output<typeof taskDto>;
export type TaskCreateDto = z.input<typeof taskCreateDto>;
export type TaskStructureDto = z.input<typeof taskStructureDto>;
export type TaskUpdateDto = z.input<typeof taskUpdateDto>;
export type TaskListRequest = z.input<typeof taskListRequest>;
export type TaskTimerangeRequest = z.input<typeof taskTimerangeRequest>;
export type TaskStatisticsRequest = z.input<typeof taskStatisticsRequest>;
export type TaskStatisticsDto = z.output<typeof taskStatisticsDto>;
export type BulkUpdateStateRequest = z.input<typeof bulkUpdateStateRequest>;
export type BulkUpdateStateResult = z.output<typeof bulkUpdateStateResult>;
export type CalendarEventLinkDto = z.input<typeof calendarEventLinkDto>;

/**
 * Tasks. Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError} when the
 * database cannot answer; what it throws beyond that stands at the method
 * and its options.
 */
export interface TaskService {
  /** One page of tasks, newest first. */
  listTasks(request?: TaskListRequest, options?: CallOptions): Promise<Page<TaskDto>>;
  /** @throws NotFoundError if there is no such task */
  getTask(id: string, options?: CallOptions): Promise<TaskDto>;
  /** @throws RelatedRowMissingError if there is no such user, goal or milestone */
  createTask(input: TaskCreateDto, options?: CreateOptions): Promise<TaskDto>;
  /** @throws NotFoundError, RelatedRowMissingError if there is no such milestone */
  updateTask(id: string, changes: TaskUpdateDto, options?: WriteOptions): Promise<TaskDto>;
  /** @throws NotFoundError */
  deleteTask(id: string, options?: WriteOptions): Promise<void>;
  /** A user's tasks that start within the range, both ends included, by start time, then id. */
  getTasksByTimerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<TaskDto[]>;
  /** Sets one state on up to 1000 tasks at once; answers how many there were of them. */
  bulkUpdateState(request: BulkUpdateStateRequest, options?: CallOptions): Promise<BulkUpdateStateResult>;
  /**
   * Links the task with a calendar event, or unlinks it with `null`.
   * @throws NotFoundError
   */
  linkCalendarEvent(id: string, link: CalendarEventLinkDto, options?: WriteOptions): Promise<TaskDto>;
  /** Counts a user's tasks that were created within the range, both ends included, by state. */
  getTaskStatistics(request: TaskStatisticsRequest, options?: CallOptions): Promise<TaskStatisticsDto>;
}
