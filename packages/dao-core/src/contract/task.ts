import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry, exampleCreatedAt, exampleIds, exampleOf } from "./dto-registry.ts";
import { TASK_PRIORITIES, TASK_STATES, TITLE_LENGTH, TRIGGER_TYPES } from "./fields/constants.ts";
import { anyOf, filterText, range } from "./fields/filters.ts";
import { id, instant, text } from "./fields/scalars.ts";
import { type Count, type Page, queriesOf } from "./page.ts";

/** Maximum tasks per call of {@link TaskService.bulkUpdateState} and {@link TaskService.updateTasks}. */
export const MAX_BULK_TASKS = 1000;

const title = text(TITLE_LENGTH);
const calendarEventId = text({ min: 1, max: 255 });

interface TimeSpan {
  readonly startTime?: Date | null | undefined;
  readonly endTime?: Date | null | undefined;
}

/** The database checks this too, on the row that results from an update. */
const endsAfterStart = ({ startTime, endTime }: TimeSpan) =>
  startTime == null || endTime == null || startTime <= endTime;

const endBeforeStart = { path: ["endTime"], error: "must not be before the start time" };

/** One thing to do, optionally at a time. */
export const taskDto = z
  .object({
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
  })
  .register(dtoRegistry, {
    id: "TaskDto",
    example: {
      id: exampleIds.task,
      userId: exampleIds.user,
      goalId: exampleIds.goal,
      milestoneId: exampleIds.milestone,
      title: "Run for 20 minutes",
      startTime: new Date("2026-02-15T10:00:00Z"),
      endTime: new Date("2026-02-15T10:30:00Z"),
      state: "scheduled",
      priority: "standard",
      triggerType: "time",
      isRecurring: false,
      calendarEventId: null,
      createdAt: exampleCreatedAt,
    },
  });

/** The fields of a task within a goal's structure: all but the ids of the rows it belongs to. */
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

export const taskStructureDto = z
  .object(taskCreateShape)
  .refine(endsAfterStart, endBeforeStart)
  .register(dtoRegistry, {
    id: "TaskStructureDto",
    example: { title: "Complete tutorial", state: "scheduled", priority: "standard", triggerType: "time" },
  });

const ownedTaskCreateShape = {
  userId: id(),
  goalId: id(),
  /** Default `null`. */
  milestoneId: id().nullable().default(null),
  ...taskCreateShape,
};

export const taskCreateDto = z
  .object(ownedTaskCreateShape)
  .refine(endsAfterStart, endBeforeStart)
  .register(dtoRegistry, {
    id: "TaskCreateDto",
    example: {
      userId: exampleIds.user,
      goalId: exampleIds.goal,
      title: "Run 3km",
      startTime: new Date("2026-02-15T10:00:00Z"),
      endTime: new Date("2026-02-15T10:30:00Z"),
      isRecurring: true,
    },
  });

/** One task of an import. */
export const taskImportDto = z
  .object({
    /**
     * A client-supplied id: a repeated import is then refused with a `ConflictError` instead of creating the tasks twice.
     * Default: a new UUIDv7.
     */
    id: id().optional(),
    ...ownedTaskCreateShape,
  })
  .refine(endsAfterStart, endBeforeStart)
  .register(dtoRegistry, {
    id: "TaskImportDto",
    example: { userId: exampleIds.user, goalId: exampleIds.goal, title: "Run 3km" },
  });

const taskUpdate = taskDto.omit({ id: true, userId: true, goalId: true, createdAt: true }).partial();

/** An absent field is kept, `null` clears. A task stays with its user and its goal. */
export const taskUpdateDto = taskUpdate
  .refine(endsAfterStart, endBeforeStart)
  .register(dtoRegistry, { id: "TaskUpdateDto", example: { state: "completed" } });

/** One task's change within a bulk update. */
export const taskChangeDto = z
  .object({ id: id(), ...taskUpdate.shape })
  .refine(endsAfterStart, endBeforeStart)
  .register(dtoRegistry, { id: "TaskChangeDto", example: { id: exampleIds.task, state: "completed" } });

export const taskQueries = queriesOf(
  {
    userId: anyOf(id()),
    goalId: anyOf(id()),
    milestoneId: anyOf(id()).nullable(),
    state: anyOf(z.enum(TASK_STATES)),
    priority: anyOf(z.enum(TASK_PRIORITIES)),
    triggerType: anyOf(z.enum(TRIGGER_TYPES)),
    isRecurring: anyOf(z.boolean()),
    calendarEventId: anyOf(filterText()).nullable(),
    startTime: range(instant()).nullable(),
    endTime: range(instant()).nullable(),
  },
  ["startTime", "endTime", "title"],
);

/** A user's tasks whose start lies within the range, both ends included, to the millisecond. */
export const taskTimerangeRequest = z
  .strictObject({ userId: id(), startTime: instant(), endTime: instant() })
  .refine(endsAfterStart, endBeforeStart);

/** A user's tasks that were created within the range, both ends included, to the millisecond. */
export const taskStatisticsRequest = z
  .strictObject({ userId: id(), startDate: instant(), endDate: instant() })
  .refine(({ startDate, endDate }) => startDate <= endDate, {
    path: ["endDate"],
    error: "must not be before the start date",
  });

const count = z.int().min(0);

export const taskStatisticsDto = z
  .object({
    userId: id(),
    totalTasks: count,
    /** The number of tasks in each of the four states. */
    byState: z.object({ scheduled: count, drifted: count, completed: count, missed: count }),
    /** Completed divided by total, 0 to 1, rounded to 4 decimals; 0 if there are no tasks. */
    completionRate: z.number().min(0).max(1),
  })
  .register(dtoRegistry, {
    id: "TaskStatisticsDto",
    example: {
      userId: exampleIds.user,
      totalTasks: 3,
      byState: { scheduled: 1, drifted: 0, completed: 2, missed: 0 },
      completionRate: 0.6667,
    },
  });

const wrongNumberOf = (what: string) => ({ error: `must contain 1 to ${MAX_BULK_TASKS} ${what}` });

/** Ids that do not exist are ignored; duplicates count once. */
export const bulkUpdateStateRequest = z
  .object({
    taskIds: z.array(id()).min(1, wrongNumberOf("ids")).max(MAX_BULK_TASKS, wrongNumberOf("ids")),
    newState: z.enum(TASK_STATES),
  })
  .register(dtoRegistry, {
    id: "BulkUpdateStateRequest",
    example: { taskIds: [exampleIds.task], newState: "drifted" },
  });

export const bulkUpdateStateResult = z
  .object({ updatedCount: count })
  .register(dtoRegistry, { id: "BulkUpdateStateResult", example: { updatedCount: 1 } });

/** A different change for each of up to {@link MAX_BULK_TASKS} tasks. */
export const bulkUpdateRequest = z
  .object({
    updates: z.array(taskChangeDto).min(1, wrongNumberOf("updates")).max(MAX_BULK_TASKS, wrongNumberOf("updates")),
  })
  .superRefine(({ updates }, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of updates.entries()) {
      if (seen.has(id)) {
        const path = ["updates", index, "id"];
        context.addIssue({ code: "custom", path, message: "appears more than once: send one change per task" });
      }
      seen.add(id);
    }
  })
  .register(dtoRegistry, { id: "BulkUpdateRequest", example: { updates: [exampleOf(taskChangeDto)] } });

/** The result of each change, in the order of the request. */
export const bulkUpdateResult = z
  .object({
    results: z.array(
      z.object({
        id: id(),
        /** The task as it is now; `null` if it does not exist. */
        task: taskDto.nullable(),
      }),
    ),
  })
  .register(dtoRegistry, {
    id: "BulkUpdateResult",
    example: { results: [{ id: exampleIds.task, task: { ...exampleOf(taskDto), state: "completed" } }] },
  });

export const taskImportResult = z
  .object({ createdCount: count })
  .register(dtoRegistry, { id: "TaskImportResult", example: { createdCount: 100_000 } });

/** Links a task to a calendar event; `null` unlinks it. */
export const calendarEventLinkDto = z
  .object({ calendarEventId: calendarEventId.nullable() })
  .register(dtoRegistry, { id: "CalendarEventLinkDto", example: { calendarEventId: "evt_8r2q5c1n" } });

export type TaskDto = z.output<typeof taskDto>;
export type TaskCreateDto = z.input<typeof taskCreateDto>;
export type TaskImportDto = z.input<typeof taskImportDto>;
export type TaskImportResult = z.output<typeof taskImportResult>;
export type TaskStructureDto = z.input<typeof taskStructureDto>;
export type TaskUpdateDto = z.input<typeof taskUpdateDto>;
export type TaskChangeDto = z.input<typeof taskChangeDto>;
export type TaskFilter = z.input<typeof taskQueries.filter>;
export type TaskListRequest = z.input<typeof taskQueries.list>;
export type TaskStreamRequest = z.input<typeof taskQueries.stream>;
export type TaskTimerangeRequest = z.input<typeof taskTimerangeRequest>;
export type TaskStatisticsRequest = z.input<typeof taskStatisticsRequest>;
export type TaskStatisticsDto = z.output<typeof taskStatisticsDto>;
export type BulkUpdateStateRequest = z.input<typeof bulkUpdateStateRequest>;
export type BulkUpdateStateResult = z.output<typeof bulkUpdateStateResult>;
export type BulkUpdateRequest = z.input<typeof bulkUpdateRequest>;
export type BulkUpdateResult = z.output<typeof bulkUpdateResult>;
export type CalendarEventLinkDto = z.input<typeof calendarEventLinkDto>;

/** Tasks. {@link DaoServices} names the errors that every method can throw. */
export interface TaskService {
  /** One page of tasks, newest first unless sorted otherwise. */
  listTasks(request?: TaskListRequest, options?: CallOptions): Promise<Page<TaskDto>>;
  /** Counts the tasks that match the filter. */
  countTasks(filter?: TaskFilter, options?: CallOptions): Promise<Count>;
  /** @throws NotFoundError if there is no such task */
  getTask(id: string, options?: CallOptions): Promise<TaskDto>;
  /** @throws RelatedRowMissingError if there is no such user, goal or milestone */
  createTask(input: TaskCreateDto, options?: CreateOptions): Promise<TaskDto>;
  /**
   * Creates any number of tasks, all of them or none; an error thrown by the source is rethrown. The source is read on demand, and
   * never held in memory as a whole. Inside a unit of work it must not use that unit of work, which is waiting for this call.
   *
   * Imports hold at most a quarter of a pool's connections. Others wait up to `acquireTimeout` for their turn, their sources
   * unread. An array of up to 1,000 tasks, which is one statement, does not wait, nor does an import in a unit of work, which
   * uses that unit's connection: limit how many run at once.
   * @throws ValidationError, whose paths begin with the index of the task; RelatedRowMissingError; ConflictError for an id
   *   that is taken; UnavailableError if its turn does not come in time; TransactionLostError; UnitOfWorkMisuseError if
   *   called from the source of another import
   */
  createTasks(
    tasks: Iterable<TaskImportDto> | AsyncIterable<TaskImportDto>,
    options?: CallOptions,
  ): Promise<TaskImportResult>;
  /**
   * Streams every task that matches the filter, newest first, in batches, so that memory does not grow with the number of
   * tasks. No transaction is open and no connection is held between batches: the loop may take its time, and may write. A
   * task that exists and matches throughout is returned once; one that is created, changed or deleted in the meantime may or
   * may not be. For a snapshot, stream inside a `repeatable read` unit of work. Leaving the loop stops the query. `timeout`
   * applies to each batch. Over HTTP an interrupted stream resumes where it stopped as long as each attempt returns tasks;
   * one that cannot continue throws rather than ending early.
   */
  streamTasks(request?: TaskStreamRequest, options?: StreamOptions): AsyncIterable<TaskDto>;
  /**
   * Changes up to 1,000 tasks at once, each differently, all of them or none. A task that does not exist is ignored.
   * @throws ValidationError, also for two changes of one task, and for a stored task that breaks a rule from before the rule
   *   existed: the path has its index in `updates`, the message its id; RelatedRowMissingError if there is no such milestone
   */
  updateTasks(request: BulkUpdateRequest, options?: CallOptions): Promise<BulkUpdateResult>;
  /** @throws NotFoundError, RelatedRowMissingError if there is no such milestone */
  updateTask(id: string, changes: TaskUpdateDto, options?: WriteOptions): Promise<TaskDto>;
  /** @throws NotFoundError */
  deleteTask(id: string, options?: WriteOptions): Promise<void>;
  /** Returns a user's tasks that start within the range, both ends included, by start time, then id. */
  getTasksByTimerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<TaskDto[]>;
  /**
   * Sets one state on up to 1,000 tasks at once. Returns how many of them exist.
   * @throws ValidationError, also for a stored task that breaks a rule, reported as by {@link updateTasks}
   */
  bulkUpdateState(request: BulkUpdateStateRequest, options?: CallOptions): Promise<BulkUpdateStateResult>;
  /** Links the task to a calendar event, or unlinks it with `null`. @throws NotFoundError */
  linkCalendarEvent(id: string, link: CalendarEventLinkDto, options?: WriteOptions): Promise<TaskDto>;
  /** Counts a user's tasks that were created within the range, both ends included, by state. */
  getTaskStatistics(request: TaskStatisticsRequest, options?: CallOptions): Promise<TaskStatisticsDto>;
}
