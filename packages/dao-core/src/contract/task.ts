import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { TASK_PRIORITIES, TASK_STATES, TITLE_LENGTH, TRIGGER_TYPES } from "./fields/constants.ts";
import {
  described,
  dto,
  exampleOf,
  examples,
  listOf,
  rowId,
  withCreatedAt,
  withGoal,
  withUser,
} from "./fields/described.ts";
import { id, instant, text } from "./fields/scalars.ts";
import { anyOf, type Count, filterText, type Page, queriesOf, range } from "./page.ts";

/** Maximum tasks per call of {@link TaskService.bulkUpdateState} and {@link TaskService.updateTasks}. */
export const MAX_BULK_TASKS = 1000;

const words = {
  state:
    "scheduled: to be done; drifted: not done in its time; completed: done; missed: not done, and can no longer be done.",
  priority: "How much it matters: standard; important; must-not-miss: it has to be done.",
  triggerType: "What starts it: time: its start time; on_leaving_home: that the user leaves home.",
};

const start = new Date("2026-02-15T10:00:00Z");
const end = new Date("2026-02-15T10:30:00Z");
const fields = {
  milestoneId: described(id(), "The milestone to which this belongs.", examples.milestone).nullable(),
  title: described(text(TITLE_LENGTH), "What is to be done.", "Run for 20 minutes"),
  startTime: described(instant(), "When it starts; null: at no set time.", start).nullable(),
  endTime: described(instant(), "When it ends, not before start_time; null: not known.", end).nullable(),
  state: described(z.enum(TASK_STATES), words.state, "scheduled"),
  priority: described(z.enum(TASK_PRIORITIES), words.priority, "standard"),
  triggerType: described(z.enum(TRIGGER_TYPES), words.triggerType, "time"),
  isRecurring: described(z.boolean(), "Whether the task recurs.", false),
  calendarEventId: described(
    text({ min: 1, max: 255 }),
    "The event in the user's calendar.",
    "evt_8r2q5c1n",
  ).nullable(),
};

type TimeSpan = Readonly<Partial<Record<"startTime" | "endTime", Date | null | undefined>>>;

/** The database checks this too, on the row that results from an update. */
const endsAfterStart = ({ startTime, endTime }: TimeSpan) =>
  startTime == null || endTime == null || startTime.getTime() <= endTime.getTime();

const endBeforeStart = { path: ["endTime"], error: "must not be before the start time" };

const withId = { id: rowId(examples.task) };

/** One thing to do, optionally at a time. */
export const taskDto = dto(
  "TaskDto",
  "One thing to do, optionally at a time.",
  z.object({ ...withId, ...withUser, ...withGoal, ...fields, ...withCreatedAt }),
);

/** The fields of a task within a goal's structure: all but the ids of the rows it belongs to. */
const taskCreateShape = {
  title: fields.title,
  startTime: fields.startTime.default(null),
  endTime: fields.endTime.default(null),
  state: fields.state.default("scheduled"),
  priority: fields.priority.default("standard"),
  triggerType: fields.triggerType.default("time"),
  isRecurring: fields.isRecurring.default(false),
  calendarEventId: fields.calendarEventId.default(null),
};

export const taskStructureDto = dto(
  "TaskStructureDto",
  "A task to create with its goal.",
  z.object(taskCreateShape).refine(endsAfterStart, endBeforeStart),
  { title: "Complete tutorial", state: "scheduled", priority: "standard", triggerType: "time" },
);

const ownedTaskCreateShape = {
  ...withUser,
  ...withGoal,
  milestoneId: fields.milestoneId.default(null),
  ...taskCreateShape,
};

const taskExample = { userId: examples.user, goalId: examples.goal, title: "Run 3km" };

export const taskCreateDto = dto(
  "TaskCreateDto",
  "A task to create.",
  z.object(ownedTaskCreateShape).refine(endsAfterStart, endBeforeStart),
  { ...taskExample, startTime: start, endTime: end, isRecurring: true },
);

/** One task of an import. */
export const taskImportDto = dto(
  "TaskImportDto",
  "One task of an import.",
  z
    .object({
      /** A client-supplied id: a repeated import is a `ConflictError` and creates nothing twice. Default: a new UUIDv7. */
      id: withId.id.optional(),
      ...ownedTaskCreateShape,
    })
    .refine(endsAfterStart, endBeforeStart),
  taskExample,
);

const taskUpdate = z.object(fields).partial();

/** An absent field is kept, `null` clears. A task stays with its user and its goal. */
export const taskUpdateDto = dto(
  "TaskUpdateDto",
  "Changes to a task. An omitted field is kept; null clears it.",
  taskUpdate.refine(endsAfterStart, endBeforeStart),
  { state: "completed" },
);

/** One task's change within a bulk update. */
export const taskChangeDto = dto(
  "TaskChangeDto",
  "One task's change within a bulk update.",
  z.object({ ...withId, ...taskUpdate.shape }).refine(endsAfterStart, endBeforeStart),
  { id: examples.task, state: "completed" },
);

export const taskQueries = queriesOf(
  () => ({
    userId: anyOf(withUser.userId),
    goalId: anyOf(withGoal.goalId),
    milestoneId: anyOf(fields.milestoneId.unwrap()).nullable(),
    state: anyOf(fields.state),
    priority: anyOf(fields.priority),
    triggerType: anyOf(fields.triggerType),
    isRecurring: anyOf(fields.isRecurring),
    calendarEventId: anyOf(filterText("The event in the user's calendar.", "evt_8r2q5c1n")).nullable(),
    startTime: range(fields.startTime.unwrap()).nullable(),
    endTime: range(fields.endTime.unwrap()).nullable(),
  }),
  ["startTime", "endTime", "title"],
);

/** A user's tasks whose start lies within the range, both ends included, to the millisecond. */
export const taskTimerangeRequest = z
  .strictObject({
    userId: described(id(), "The user whose tasks are read.", examples.user),
    startTime: described(instant(), "The earliest start.", start),
    endTime: described(instant(), "The latest start, not before start_time.", end),
  })
  .refine(endsAfterStart, endBeforeStart);

/** A user's tasks that were created within the range, both ends included, to the millisecond. */
export const taskStatisticsRequest = z
  .strictObject({
    userId: described(id(), "The user whose tasks are counted.", examples.user),
    startDate: described(instant(), "The earliest creation.", new Date("2026-02-01T00:00:00Z")),
    endDate: described(instant(), "The latest creation, not before start_date.", new Date("2026-03-01T00:00:00Z")),
  })
  .refine(({ startDate, endDate }) => startDate <= endDate, {
    path: ["endDate"],
    error: "must not be before the start date",
  });

const count = (description: string, example: number) => described(z.int().min(0), description, example);
const byState = { scheduled: 1, drifted: 0, completed: 2, missed: 0 };

export const taskStatisticsDto = dto(
  "TaskStatisticsDto",
  "How many of a user's tasks are in each state.",
  z.object({
    ...withUser,
    totalTasks: count("How many tasks were created in the time window.", 3),
    byState: described(
      z.object({
        scheduled: count("To be done.", byState.scheduled),
        drifted: count("Not done in their time.", byState.drifted),
        completed: count("Done.", byState.completed),
        missed: count("Not done, and can no longer be done.", byState.missed),
      }),
      "The number of tasks in each of the four states.",
      byState,
    ),
    completionRate: described(
      z.number().min(0).max(1),
      "Completed divided by total, 0 to 1, rounded to 4 decimals; 0 if there are no tasks.",
      0.6667,
    ),
  }),
);

const wrongNumberOf = (what: string) => ({ error: `must contain 1 to ${MAX_BULK_TASKS} ${what}` });

/** Ids that do not exist are ignored; duplicates count once. */
export const bulkUpdateStateRequest = dto(
  "BulkUpdateStateRequest",
  "One state for many tasks. Ids that do not exist are ignored; duplicates count once.",
  z.object({
    taskIds: described(listOf(id(), MAX_BULK_TASKS, wrongNumberOf("ids")), "The tasks to change.", [examples.task]),
    newState: described(z.enum(TASK_STATES), `The state that they get. ${words.state}`, "drifted"),
  }),
);

export const bulkUpdateStateResult = dto(
  "BulkUpdateStateResult",
  "How many tasks a bulk update has reached.",
  z.object({ updatedCount: count("How many of the tasks exist, and have the state now.", 1) }),
);

/** A different change for each of up to {@link MAX_BULK_TASKS} tasks. */
export const bulkUpdateRequest = dto(
  "BulkUpdateRequest",
  "A different change for each of 1 to 1000 tasks.",
  z
    .object({
      updates: described(
        listOf(taskChangeDto, MAX_BULK_TASKS, wrongNumberOf("updates")),
        "The changes, each of another task.",
        [exampleOf(taskChangeDto)],
      ),
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
    }),
);

/** The result of each change, in the order of the request. */
export const bulkUpdateResult = dto(
  "BulkUpdateResult",
  "The result of each change, in the order of the request.",
  z.object({
    results: described(
      z.array(
        z.object({
          ...withId,
          task: described(taskDto.nullable(), "The task as it is now; null if it does not exist.", null),
        }),
      ),
      "A result for each change, in the order of the request.",
      [{ id: examples.task, task: { ...exampleOf(taskDto), state: "completed" } }],
    ),
  }),
);

export const taskImportResult = dto(
  "TaskImportResult",
  "How many tasks an import has created.",
  z.object({ createdCount: count("How many tasks were created.", 100_000) }),
);

/** Links a task to a calendar event; `null` unlinks it. */
export const calendarEventLinkDto = dto(
  "CalendarEventLinkDto",
  "Links a task to a calendar event; null unlinks it.",
  z.object({ calendarEventId: fields.calendarEventId }),
);

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
   * Imports hold at most a quarter of a pool's connections by default. Others wait up to `acquireTimeout` for their turn, their
   * sources unread. An array of up to 1,000 tasks, which is one statement, does not wait, nor does an import in a unit of work,
   * which uses that unit's connection: limit how many run at once.
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
