import * as z from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry } from "./dto-registry.ts";
import { ValidationError } from "./errors.ts";
import { id } from "./fields/id.ts";
import { instant } from "./fields/instant.ts";
import { text } from "./fields/text.ts";
import { memberOf, refuseLongList, validate } from "./fields/validation.ts";
import { milestoneCreateDto, milestoneDto, milestoneExample } from "./milestone.ts";
import { filterText, listRequest, type Page } from "./page.ts";
import { taskDto, taskExample, taskStructureDto, taskStructureExample } from "./task.ts";

const title = text({ min: 1, max: 500 });

const goalExample = {
  id: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6f",
  userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  title: "Run a half marathon",
  category: "health",
  timeline: "8 weeks",
  status: "active",
  createdAt: new Date("2026-02-14T09:30:00.123Z"),
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
  .register(dtoRegistry, { id: "GoalDto", example: goalExample });

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
  .register(dtoRegistry, {
    id: "GoalCreateDto",
    example: {
      userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      title: "Run a half marathon",
      category: "health",
      timeline: "8 weeks",
      status: "active",
    },
  });

/** An absent field is kept, `null` clears. A goal stays with its user. */
export const goalUpdateDto = z
  .object({
    title: title.optional(),
    category: text().nullable().optional(),
    timeline: text().nullable().optional(),
    status: text().optional(),
  })
  .register(dtoRegistry, { id: "GoalUpdateDto", example: { status: "completed" } });

export const goalListRequest = listRequest({
  userId: id().optional(),
  status: filterText().optional(),
  category: filterText().optional(),
});

/** Limits of one structure: milestones, and tasks over all milestones. */
export const MAX_STRUCTURE_MILESTONES = 1_000;
export const MAX_STRUCTURE_TASKS = 10_000;

const milestoneStructureExample = {
  weekNumber: 1,
  title: "Basics",
  status: "pending",
  tasks: [taskStructureExample],
};

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
  .register(dtoRegistry, { id: "MilestoneStructureDto", example: milestoneStructureExample });

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
    example: {
      goal: {
        userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
        title: "Learn Python",
        category: "education",
        timeline: "8 weeks",
        status: "active",
      },
      milestones: [milestoneStructureExample],
    },
  });

/** Validation stops at this many invalid tasks: building an issue costs more than checking a task. */
const MAX_BROKEN_TASKS = 100;

/**
 * Parses a structure.
 * @throws ValidationError, which reports the first 100 invalid tasks at most
 */
export function validateStructure(input: unknown): z.output<typeof goalStructureCreateDto> {
  const milestones: unknown = memberOf(input, "milestones");
  refuseLongList("milestones", milestones, MAX_STRUCTURE_MILESTONES, "milestones");
  if (!Array.isArray(milestones)) return validate(goalStructureCreateDto, input);
  const lists = milestones.map((milestone) => memberOf(milestone, "tasks"));
  const count = lists.reduce((sum: number, tasks) => sum + (Array.isArray(tasks) ? tasks.length : 0), 0);
  if (count > MAX_STRUCTURE_TASKS) {
    const message = `must contain at most ${MAX_STRUCTURE_TASKS} tasks in total, not ${count}`;
    throw new ValidationError([{ path: "milestones", message }]);
  }
  if (count > MAX_BROKEN_TASKS) refuseBrokenTasks(input, milestones);
  return validate(goalStructureCreateDto, input);
}

function refuseBrokenTasks(input: unknown, milestones: readonly unknown[]): void {
  let broken = 0;
  for (const [index, milestone] of milestones.entries()) {
    const tasks = memberOf(milestone, "tasks");
    if (!Array.isArray(tasks)) continue;
    for (const [place, task] of tasks.entries()) {
      if (taskStructureDto.safeParse(task).success || ++broken < MAX_BROKEN_TASKS) continue;
      const last = { ...Object(milestone), tasks: tasks.slice(0, place + 1) };
      validate(goalStructureCreateDto, { ...Object(input), milestones: [...milestones.slice(0, index), last] });
    }
  }
}

/** A goal with its milestones and tasks as two flat lists. */
export const goalWithRelationsDto = goalDto
  .extend({
    milestones: z.array(milestoneDto),
    tasks: z.array(taskDto),
  })
  .register(dtoRegistry, {
    id: "GoalWithRelationsDto",
    example: { ...goalExample, milestones: [milestoneExample], tasks: [taskExample] },
  });

export type GoalDto = z.output<typeof goalDto>;
export type GoalCreateDto = z.input<typeof goalCreateDto>;
export type GoalUpdateDto = z.input<typeof goalUpdateDto>;
export type GoalListRequest = z.input<typeof goalListRequest>;
export type MilestoneStructureDto = z.input<typeof milestoneStructureDto>;
export type GoalStructureCreateDto = z.input<typeof goalStructureCreateDto>;
export type GoalWithRelationsDto = z.output<typeof goalWithRelationsDto>;

/**
 * Goals. Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError} when the
 * database is unreachable or too slow; each method lists its other errors, and its options list theirs.
 */
export interface GoalService {
  /** One page of goals, newest first. */
  listGoals(request?: GoalListRequest, options?: CallOptions): Promise<Page<GoalDto>>;
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
   * Creates a goal with its milestones and their tasks, all of them or none: at most 1,000 milestones and 10,000 tasks in
   * total. Returns them in the order and with the values of the input; if a trigger of yours changes what is stored, read
   * it with `getGoalFull`.
   * @throws RelatedRowMissingError if there is no such user
   */
  createGoalWithStructure(input: GoalStructureCreateDto, options?: CreateOptions): Promise<GoalWithRelationsDto>;
  /** @throws NotFoundError */
  updateGoal(id: string, changes: GoalUpdateDto, options?: WriteOptions): Promise<GoalDto>;
  /**
   * Deletes the goal with its milestones, tasks and conversations.
   * @throws NotFoundError
   */
  deleteGoal(id: string, options?: WriteOptions): Promise<void>;
}
