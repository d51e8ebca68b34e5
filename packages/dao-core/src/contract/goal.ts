import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { TITLE_LENGTH } from "./fields/constants.ts";
import { described, dto, exampleOf, examples, listOf, rowId, withCreatedAt, withUser } from "./fields/described.ts";
import { text } from "./fields/scalars.ts";
import { milestoneCreateDto, milestoneDto } from "./milestone.ts";
import { anyOf, type Count, filterText, type Page, queriesOf } from "./page.ts";
import { taskDto, taskStructureDto } from "./task.ts";

const fields = {
  title: described(text(TITLE_LENGTH), "What the user wants to achieve.", "Run a half marathon"),
  category: described(text(), "The area of life, as free text.", "health").nullable(),
  timeline: described(text(), "How long it may take, as free text such as 8 weeks.", "8 weeks").nullable(),
  status: described(text(), "How the goal stands, as free text such as active or completed.", "active"),
};

/** What a user wants to achieve. */
export const goalDto = dto(
  "GoalDto",
  "What a user wants to achieve.",
  z.object({ id: rowId(examples.goal), ...withUser, ...fields, ...withCreatedAt }),
);

export const goalCreateDto = dto(
  "GoalCreateDto",
  "A goal to create.",
  z.object({
    ...withUser,
    ...fields,
    category: fields.category.default(null),
    timeline: fields.timeline.default(null),
    status: fields.status.default("active"),
  }),
);

/** An absent field is kept, `null` clears. A goal stays with its user. */
export const goalUpdateDto = dto(
  "GoalUpdateDto",
  "Changes to a goal. An omitted field is kept; null clears it.",
  z.object(fields).partial(),
  { status: "completed" },
);

export const goalQueries = queriesOf(
  () => ({
    userId: anyOf(withUser.userId),
    status: anyOf(filterText("How the goals stand.", "active")),
    category: anyOf(filterText("The area of life.", "health")).nullable(),
  }),
  ["title"],
);

/** Limits of one structure: milestones, and tasks over all milestones. */
export const MAX_STRUCTURE_MILESTONES = 1_000;
export const MAX_STRUCTURE_TASKS = 10_000;

/** A milestone within a goal's structure, with the tasks that lead to it. */
export const milestoneStructureDto = dto(
  "MilestoneStructureDto",
  "A milestone to create with its goal, and the tasks that lead to it.",
  milestoneCreateDto.omit({ goalId: true }).extend({
    tasks: described(listOf(taskStructureDto), "The tasks that lead to it.", [exampleOf(taskStructureDto)])
      .default(() => [])
      .meta({ maxItems: MAX_STRUCTURE_TASKS }),
  }),
);

/** A goal with all its milestones and tasks, created together or not at all. */
export const goalStructureCreateDto = dto(
  "GoalStructureCreateDto",
  "A goal with all its milestones and tasks, created together or not at all.",
  z.object({
    /** The goal itself. */
    goal: goalCreateDto,
    milestones: described(listOf(milestoneStructureDto), "Its milestones, with their tasks.", [
      exampleOf(milestoneStructureDto),
    ])
      .default(() => [])
      .meta({ maxItems: MAX_STRUCTURE_MILESTONES }),
  }),
);

/** A goal with its milestones and tasks as two flat lists. */
export const goalWithRelationsDto = dto(
  "GoalWithRelationsDto",
  "A goal with its milestones and tasks as two flat lists.",
  goalDto.extend({
    milestones: described(z.array(milestoneDto), "Its milestones, by week.", [exampleOf(milestoneDto)]),
    tasks: described(z.array(taskDto), "Its tasks, by start time; those without one last.", [exampleOf(taskDto)]),
  }),
);

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
  /** Returns it with its milestones (by week, then age) and tasks (by start, none last, then age). @throws NotFoundError */
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
