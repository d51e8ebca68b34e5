import type { TaskState } from "../../contract/fields/constants.ts";
import type { TaskImportDto } from "../../contract/task.ts";
import { DAY, HOUR, MINUTE, WEEK } from "./duration.ts";
import type { GoalIdea, TaskIdea } from "./goal-ideas.ts";
import { Random } from "./random.ts";

/** What the tasks of a goal are made from. */
export interface TaskPlan {
  readonly userId: string;
  readonly goalId: string;
  /** One per week. */
  readonly milestoneIds: readonly string[];
  readonly idea: GoalIdea;
  /** Number of tasks. */
  readonly count: number;
  /** When the goal was created, in milliseconds since 1970. */
  readonly created: number;
  /** Midnight before the first week, by the user's clock. */
  readonly start: number;
  /** The current time of the demo data. */
  readonly now: number;
  readonly seed: readonly [number, number];
}

/** The tasks of a goal in chronological order, made as they are read; the same each time. */
export function demoTasks(plan: TaskPlan): Iterable<TaskImportDto> {
  return { [Symbol.iterator]: () => makeTasks(plan) };
}

function* makeTasks(plan: TaskPlan): Generator<TaskImportDto> {
  const random = new Random(...plan.seed);
  for (let index = 0; index < plan.count; index++) yield makeTask(plan, index, random);
}

function makeTask(plan: TaskPlan, index: number, random: Random): TaskImportDto {
  const idea = random.oneOf(plan.idea.tasks);
  const row = {
    id: random.id(plan.created + index),
    userId: plan.userId,
    goalId: plan.goalId,
    title: idea.title,
    priority: random.oneOf(PRIORITIES),
    triggerType: idea.isOnLeavingHome === true ? "on_leaving_home" : "time",
    isRecurring: idea.isRecurring,
  } as const;
  // Some tasks have no time yet.
  if (random.chance(0.05)) {
    return { ...row, milestoneId: null, startTime: null, endTime: null, state: "scheduled", calendarEventId: null };
  }
  const start = startOf(plan, index, idea, random);
  const week = Math.min(Math.floor((start - plan.start) / WEEK), plan.milestoneIds.length - 1);
  const end = start + idea.minutes * MINUTE;
  const state = stateOf(end, plan.now, random);
  const calendarEventId = random.chance(0.3) ? `demo-${random.word().toString(36)}-${index}` : null;
  const times = { startTime: new Date(start), endTime: new Date(end) };
  return { ...row, milestoneId: plan.milestoneIds[week] ?? null, ...times, state, calendarEventId };
}

/** Two thirds of the tasks are `standard`. */
const PRIORITIES = ["standard", "standard", "standard", "standard", "important", "must-not-miss"] as const;

/** Tasks are spread evenly over the goal's days, near the hour that suits them, on a quarter of an hour. */
function startOf({ start, count, milestoneIds }: TaskPlan, index: number, { hour }: TaskIdea, random: Random): number {
  const day = Math.floor((index * milestoneIds.length * 7) / count);
  return start + day * DAY + hour * HOUR + random.between(-4, 3) * 15 * MINUTE;
}

/** A task that was not done has drifted; after three days most of those are missed. */
function stateOf(end: number, now: number, random: Random): TaskState {
  if (end > now) return "scheduled";
  if (random.chance(0.7)) return "completed";
  return end > now - 3 * DAY || random.chance(0.2) ? "drifted" : "missed";
}
