import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry, exampleCreatedAt, exampleIds, exampleOf } from "./dto-registry.ts";
import { TITLE_LENGTH } from "./fields/constants.ts";
import { anyOf, filterText } from "./fields/filters.ts";
import { id, instant, text } from "./fields/scalars.ts";
import { milestoneCreateDto, milestoneDto } from "./milestone.ts";
import { type Count, type Page, queriesOf } from "./page.ts";
import { taskDto, taskStructureDto } from "./task.ts";

const title = text(TITLE_LENGTH);

const goalExample = {
  userId: exampleIds.user,
  title: "Run a half marathon",
  category: "health",
  timeline: "8 weeks",
  status: "active",
};

/** What a user wants to achieve. */
export const goalDto = z
  .object({
    id: id(),
    userId: id(),
    title,
    category: text().nullable(),
    timeline: text().nullable(),
    status: text(),
    createdAt: instant(),
  })
  .register(dtoRegistry, {
    id: "GoalDto",
    example: { id: exampleIds.goal, ...goalExample, createdAt: exampleCreatedAt },
  });

export const goalCreateDto = z
  .object({
    userId: id(),
    title,
    /** Default `null`. */
    category: text().nullable().default(null),
    /** Free text, such as `8 weeks`. Default `null`. */
    timeline: text().nullable().default(null),
    /** Default `active`. */
    status: text().default("active"),
  })
  .register(dtoRegistry, { id: "GoalCreateDto", example: goalExample });

/** An absent field is kept, `null` clears. A goal stays with its user. */
export const goalUpdateDto = goalDto
  .pick({ title: true, category: true, timeline: true, status: true })
  .partial()
  .register(dtoRegistry, { id: "GoalUpdateDto", example: { status: "completed" } });

export const goalQueries = queriesOf(
  {
    userId: anyOf(id()),
    status: anyOf(filterText()),
    category: anyOf(filterText()).nullable(),
  },
  ["title"],
);

/** Limits of one structure: milestones, and tasks over all milestones. */
export const MAX_STRUCTURE_MILESTONES = 1_000;
export const MAX_STRUCTURE_TASKS = 10_000;

/** A milestone within a goal's structure, with the tasks that lead to it. */
export const milestoneStructureDto = milestoneCreateDto
  .omit({ goalId: true })
  .extend({
    /** Default: none. */
    tasks: z
      .array(taskStructureDto)
      .default(() => [])
      .meta({ maxItems: MAX_STRUCTURE_TASKS }),
  })
  .register(dtoRegistry, {
    id: "MilestoneStructureDto",
    example: { weekNumber: 1, title: "Basics", status: "pending", tasks: [exampleOf(taskStructureDto)] },
  });

/** A goal with all its milestones and tasks, created together or not at all. */
export const goalStructureCreateDto = z
  .object({
    goal: goalCreateDto,
    /** Default: none. */
    milestones: z
      .array(milestoneStructureDto)
      .default(() => [])
      .meta({ maxItems: MAX_STRUCTURE_MILESTONES }),
  })
  .register(dtoRegistry, {
    id: "GoalStructureCreateDto",
    example: { goal: goalExample, milestones: [exampleOf(milestoneStructureDto)] },
  });

/** A goal with its milestones and tasks as two flat lists. */
export const goalWithRelationsDto = goalDto
  .extend({
    milestones: z.array(milestoneDto),
    tasks: z.array(taskDto),
  })
  .register(dtoRegistry, {
    id: "GoalWithRelationsDto",
    example: { ...exampleOf(goalDto), milestones: [exampleOf(milestoneDto)], tasks: [exampleOf(taskDto)] },
  });

export type GoalDto = z.output<typeof goalDto>;
export type GoalCreateDto = z.input<typeof goalCreateDto>;
export type GoalUpdateDto = z.input<typeof goalUpdateDto>;
export type GoalFilter = z.input<typeof goalQueries.filter>;
export type GoalListRequest = z.input<typeof goalQueries.list>;
export type GoalStreamRequest = z.input<typeof goalQueries.stream>;
export type MilestoneStructureDto = z.input<typeof milestoneStructureDto>;
export type GoalStructureCreateDto = z.input<typeof goalStructureCreateDto>;
export type GoalWithRelationsDto = z.output<typeof goalWithRelationsDto>;

/** Goals. {@link DaoServices} names the errors that every method can throw. */
export interface GoalService {
  /** One page of goals, newest first unless sorted otherwise. */
  listGoals(request?: GoalListRequest, options?: CallOptions): Promise<Page<GoalDto>>;
  /** Streams every goal that matches the filter, newest first: `streamTasks` says how. */
  streamGoals(request?: GoalStreamRequest, options?: StreamOptions): AsyncIterable<GoalDto>;
  /** Counts the goals that match the filter. */
  countGoals(filter?: GoalFilter, options?: CallOptions): Promise<Count>;
  /** @throws NotFoundError if there is no such goal */
  getGoal(id: string, options?: CallOptions): Promise<GoalDto>;
  /**
   * Returns the goal with its milestones (by week, then age) and its tasks (by start time, those without one last, then age).
   * @throws NotFoundError
   */
  getGoalFull(id: string, options?: CallOptions): Promise<GoalWithRelationsDto>;
  /** @throws RelatedRowMissingError if there is no such user */
  createGoal(input: GoalCreateDto, options?: CreateOptions): Promise<GoalDto>;
  /**
   * Creates a goal with its milestones and their tasks, all of them or none: at most 1,000 milestones and 10,000 tasks in total.
   * Returns them in the order and with the values of the input; if a trigger of yours changes what is stored, read that with
   * `getGoalFull`.
   * @throws RelatedRowMissingError if there is no such user
   */
  createGoalWithStructure(input: GoalStructureCreateDto, options?: CreateOptions): Promise<GoalWithRelationsDto>;
  /** @throws NotFoundError */
  updateGoal(id: string, changes: GoalUpdateDto, options?: WriteOptions): Promise<GoalDto>;
  /** Deletes the goal with its milestones, tasks and conversations. @throws NotFoundError */
  deleteGoal(id: string, options?: WriteOptions): Promise<void>;
}
