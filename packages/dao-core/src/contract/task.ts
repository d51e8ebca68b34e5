import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { id } from "./fields/id.ts";
import { instant } from "./fields/instant.ts";
import { TASK_PRIORITIES, TASK_STATES, TRIGGER_TYPES } from "./fields/task-enums.ts";
import { text } from "./fields/text.ts";
import { memberOf, refuseLongList, validate } from "./fields/validation.ts";
import { cursor, filterText, listRequest, type Page } from "./page.ts";

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

const ownedTaskCreateShape = {
  userId: id(),
  goalId: id(),
  /** Default `null`. */
  milestoneId: id().nullable().default(null),
  ...taskCreateShape,
};

export const taskCreateDto = z.object(ownedTaskCreateShape).refine((task) => !endsBeforeItStarts(task), endBeforeStart);

/** A task among many that are created at once. */
export const taskImportDto = z
  .object({
    /**
     * The new row's, where the caller wants to know it before: an import that is repeated is then refused
     * (`ConflictError`), and nothing is there twice. Default: a new UUIDv7.
     */
    id: id().optional(),
    ...ownedTaskCreateShape,
  })
  .refine((task) => !endsBeforeItStarts(task), endBeforeStart);

const taskUpdateShape = {
  milestoneId: id().nullable().optional(),
  title: title.optional(),
  startTime: instant().nullable().optional(),
  endTime: instant().nullable().optional(),
  state: z.enum(TASK_STATES).optional(),
  priority: z.enum(TASK_PRIORITIES).optional(),
  triggerType: z.enum(TRIGGER_TYPES).optional(),
  isRecurring: z.boolean().optional(),
  calendarEventId: calendarEventId.nullable().optional(),
};

/** An absent field is kept, `null` clears. A task stays with its user and its goal. */
export const taskUpdateDto = z.object(taskUpdateShape).refine((task) => !endsBeforeItStarts(task), endBeforeStart);

/** One task's change among many: which task, and what of it. */
export const taskChangeDto = z
  .object({ id: id(), ...taskUpdateShape })
  .refine((task) => !endsBeforeItStarts(task), endBeforeStart);

const taskFilters = {
  userId: id().optional(),
  goalId: id().optional(),
  milestoneId: id().optional(),
  state: z.enum(TASK_STATES).optional(),
  priority: z.enum(TASK_PRIORITIES).optional(),
  triggerType: z.enum(TRIGGER_TYPES).optional(),
  isRecurring: z.boolean().optional(),
  calendarEventId: filterText().optional(),
};

export const taskListRequest = listRequest(taskFilters);

/** The filters of a list, without its paging. */
export const taskFilter = z.strictObject(taskFilters);

/** Which tasks to stream: all that the filter selects, or those that come after a cursor of `onCursor` or of a list. */
export const taskStreamRequest = taskFilter.extend({ cursor: cursor.optional() });

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

/** A different change for each of up to {@link MAX_BULK_TASKS} tasks. */
export const bulkUpdateRequest = z
  .object({
    updates: z
      .array(taskChangeDto)
      .min(1, { error: `must hold 1 to ${MAX_BULK_TASKS} updates` })
      .max(MAX_BULK_TASKS),
  })
  .superRefine(({ updates }, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of updates.entries()) {
      if (seen.has(id)) {
        const path = ["updates", index, "id"];
        context.addIssue({ code: "custom", path, message: "is given more than once: send one change for each task" });
      }
      seen.add(id);
    }
  });

/**
 * Parses updates of many tasks.
 * @throws ValidationError
 */
export function validateBulkChanges(input: unknown): z.output<typeof bulkUpdateRequest> {
  refuseLongList("updates", memberOf(input, "updates"), MAX_BULK_TASKS, "updates");
  return validate(bulkUpdateRequest, input);
}

/** What became of each change, in the order in which they were sent. */
export const bulkUpdateResult = z.object({
  results: z.array(
    z.object({
      id: id(),
      /** The task as it is now; `null` where there is none of this id. */
      task: taskDto.nullable(),
    }),
  ),
});

export const taskImportResult = z.object({ createdCount: z.int().min(0) });

/** Links a task with an event of a calendar; `null` unlinks it. */
export const calendarEventLinkDto = z.object({ calendarEventId: calendarEventId.nullable() });

export type TaskDto = z.output<typeof taskDto>;
export type TaskCreateDto = z.input<typeof taskCreateDto>;
export type TaskImportDto = z.input<typeof taskImportDto>;
export type TaskImportResult = z.output<typeof taskImportResult>;
export type TaskStructureDto = z.input<typeof taskStructureDto>;
export type TaskUpdateDto = z.input<typeof taskUpdateDto>;
export type TaskChangeDto = z.input<typeof taskChangeDto>;
export type TaskFilter = z.input<typeof taskFilter>;
export type TaskStreamRequest = z.input<typeof taskStreamRequest>;
export type TaskListRequest = z.input<typeof taskListRequest>;
export type TaskTimerangeRequest = z.input<typeof taskTimerangeRequest>;
export type TaskStatisticsRequest = z.input<typeof taskStatisticsRequest>;
export type TaskStatisticsDto = z.output<typeof taskStatisticsDto>;
export type BulkUpdateStateRequest = z.input<typeof bulkUpdateStateRequest>;
export type BulkUpdateStateResult = z.output<typeof bulkUpdateStateResult>;
export type BulkUpdateRequest = z.input<typeof bulkUpdateRequest>;
export type BulkUpdateResult = z.output<typeof bulkUpdateResult>;
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
  /**
   * Creates any number of tasks, all of them or none; they are read as they are needed, and never all in memory. Inside a
   * unit of work the source must not use that unit of work, which waits for this call. An error of the source is thrown
   * on, and nothing is created.
   *
   * On a database a quarter of the pool at most is held by imports: the next wait for their turn, for `acquireTimeout`, and their sources
   * are not read meanwhile. An array of up to 1,000 tasks is one statement, and waits for none.
   * @throws ValidationError, whose paths begin with the number of the task, from 0; RelatedRowMissingError; ConflictError
   *   for an id that is taken; UnavailableError when the turn does not come in time; TransactionLostError;
   *   UnitOfWorkMisuseError in the source of another import
   */
  createTasks(
    tasks: Iterable<TaskImportDto> | AsyncIterable<TaskImportDto>,
    options?: CallOptions,
  ): Promise<TaskImportResult>;
  /**
   * Every task that the filter selects, newest first, read a thousand at a time as the loop goes on: a million take no
   * more memory than a few thousand. No transaction is open and no connection is held meanwhile, so the loop may take its
   * time, and may write. A task that is there all the time, and selected, comes once; one that is created, changed or
   * deleted meanwhile may come or not. For one moment's tasks stream inside a unit of work that is `repeatable read`.
   * The query stops when the loop is left. `timeout` is for each thousand. Over HTTP a stream that breaks off goes on
   * where it was, for as long as each attempt brings tasks; one that cannot go on throws, and never just ends.
   */
  streamTasks(request?: TaskStreamRequest, options?: StreamOptions): AsyncIterable<TaskDto>;
  /**
   * Changes up to 1000 tasks at once, each in its own way, all of them or none; a task that does not exist is passed over.
   * @throws ValidationError also for two changes of one task, and for a task that breaks a rule since before it was one: the
   *   path has its place in `updates`, the message its id; RelatedRowMissingError if there is no such milestone
   */
  updateTasks(request: BulkUpdateRequest, options?: CallOptions): Promise<BulkUpdateResult>;
  /** @throws NotFoundError, RelatedRowMissingError if there is no such milestone */
  updateTask(id: string, changes: TaskUpdateDto, options?: WriteOptions): Promise<TaskDto>;
  /** @throws NotFoundError */
  deleteTask(id: string, options?: WriteOptions): Promise<void>;
  /** A user's tasks that start within the range, both ends included, by start time, then id. */
  getTasksByTimerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<TaskDto[]>;
  /**
   * Sets one state on up to 1000 tasks at once; returns how many there were of them.
   * @throws ValidationError also for a task that breaks a rule since before it was one, named as by {@link updateTasks}
   */
  bulkUpdateState(request: BulkUpdateStateRequest, options?: CallOptions): Promise<BulkUpdateStateResult>;
  /**
   * Links the task with a calendar event, or unlinks it with `null`.
   * @throws NotFoundError
   */
  linkCalendarEvent(id: string, link: CalendarEventLinkDto, options?: WriteOptions): Promise<TaskDto>;
  /** Counts a user's tasks that were created within the range, both ends included, by state. */
  getTaskStatistics(request: TaskStatisticsRequest, options?: CallOptions): Promise<TaskStatisticsDto>;
}
