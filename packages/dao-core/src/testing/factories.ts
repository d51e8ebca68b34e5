import type { ConversationCreateDto } from "../contract/conversation.ts";
import type { DemoFlagsPutDto } from "../contract/demo-flags.ts";
import type { GoalCreateDto, GoalStructureCreateDto, MilestoneStructureDto } from "../contract/goal.ts";
import type { MilestoneCreateDto } from "../contract/milestone.ts";
import type { TaskCreateDto, TaskStructureDto } from "../contract/task.ts";
import type { UserCreateDto } from "../contract/user.ts";

/**
 * Input for the services' `create…` methods: valid, realistic, and unique where it must be. A test passes the fields that matter
 * to it as `overrides`.
 */

const people = ["Jane Doe", "Ada Lovelace", "Grace Hopper", "Alan Turing", "Mary Jackson", "Jean Bartik", "José Núñez"];
const wishes = [
  { title: "Run a half marathon", category: "health", timeline: "8 weeks", steps: ["Run 3 km", "Run 5 km", "Stretch"] },
  { title: "Learn Spanish", category: "education", timeline: "12 weeks", steps: ["Learn 50 words", "Read a story"] },
  { title: "Write a novel", category: "creativity", timeline: "9 months", steps: ["Write 500 words", "Revise a page"] },
  { title: "Play the piano", category: "music", timeline: "6 months", steps: ["Practise scales", "Learn one song"] },
] as const;

let made = 0;

/** Cycles through `list`, so that the rows of a test differ. */
function next<Item>(list: readonly Item[]): Item {
  const item = list[made++ % list.length];
  if (item === undefined) throw new RangeError("the list is empty");
  return item;
}

/** Returns a different address on every call, in any number of processes. */
function uniqueEmail(name: string): string {
  const mailbox = name
    .normalize("NFD")
    .replace(/[^A-Za-z ]/g, "")
    .toLowerCase()
    .replaceAll(" ", ".");
  return `${mailbox}.${crypto.randomUUID()}@example.com`;
}

/** A user with an e-mail address that no other call returns. */
export function makeUserData(overrides: Partial<UserCreateDto> = {}): UserCreateDto {
  const name = next(people);
  return {
    name,
    email: uniqueEmail(name),
    preferences: { timezone: "America/New_York" },
    demoMode: false,
    ...overrides,
  };
}

/** A goal of this user. */
export function makeGoalData(userId: string, overrides: Partial<GoalCreateDto> = {}): GoalCreateDto {
  const { title, category, timeline } = next(wishes);
  return { userId, title, category, timeline, status: "active", ...overrides };
}

/** A milestone of this goal, in its first week. */
export function makeMilestoneData(goalId: string, overrides: Partial<MilestoneCreateDto> = {}): MilestoneCreateDto {
  return { goalId, weekNumber: 1, title: "Build the base", status: "pending", ...overrides };
}

/** A task of this user and this goal, without a milestone or times. */
export function makeTaskData(userId: string, goalId: string, overrides: Partial<TaskCreateDto> = {}): TaskCreateDto {
  return { userId, goalId, ...makeTaskStructure(), ...overrides };
}

/** A conversation of this user about this goal, with two messages. */
export function makeConversationData(
  userId: string,
  goalId: string,
  overrides: Partial<ConversationCreateDto> = {},
): ConversationCreateDto {
  const { title } = next(wishes);
  const messages = [
    { role: "user", content: `I want to: ${title}.` },
    { role: "assistant", content: "How many days a week can you spare?" },
  ];
  return { userId, goalId, messages, status: "open", ...overrides };
}

/** Demo flags: a fixed virtual time, and time passing sixty times as fast. */
export function makeDemoFlagsData(overrides: Partial<DemoFlagsPutDto> = {}): DemoFlagsPutDto {
  return { virtualNow: new Date("2026-03-01T08:00:00.000Z"), escalationSpeed: 60, ...overrides };
}

/** Options of {@link makeGoalStructureData}. */
export interface GoalStructureShape {
  /** How many milestones, in weeks 1, 2, 3, …. Default 2. */
  readonly milestones?: number | undefined;
  /** How many tasks each of them has. Default 2. */
  readonly tasksPerMilestone?: number | undefined;
  /** Fields of the goal. */
  readonly goal?: Partial<GoalCreateDto> | undefined;
  /** Fields of every milestone. */
  readonly milestone?: Partial<Omit<MilestoneStructureDto, "tasks">> | undefined;
  /** Fields of every task. */
  readonly task?: Partial<TaskStructureDto> | undefined;
}

/** A {@link GoalStructureCreateDto} whose lists are not optional. */
export interface GoalStructureData extends GoalStructureCreateDto {
  readonly milestones: (MilestoneStructureDto & { readonly tasks: TaskStructureDto[] })[];
}

/** A goal of this user with milestones and their tasks. */
export function makeGoalStructureData(userId: string, shape: GoalStructureShape = {}): GoalStructureData {
  const { milestones = 2, tasksPerMilestone = 2 } = shape;
  return {
    goal: makeGoalData(userId, shape.goal),
    milestones: Array.from({ length: milestones }, (_, index) => ({
      weekNumber: index + 1,
      title: `Week ${index + 1}`,
      status: "pending",
      tasks: Array.from({ length: tasksPerMilestone }, () => ({ ...makeTaskStructure(), ...shape.task })),
      ...shape.milestone,
    })),
  };
}

function makeTaskStructure(): TaskStructureDto {
  return {
    title: next(next(wishes).steps),
    state: "scheduled",
    priority: "standard",
    triggerType: "time",
    isRecurring: false,
  };
}
