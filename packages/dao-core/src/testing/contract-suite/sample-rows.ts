import type { ConversationDto } from "../../contract/conversation.ts";
import type { DemoFlagsDto } from "../../contract/demo-flags.ts";
import { isDaoError } from "../../contract/errors.ts";
import type { GoalDto } from "../../contract/goal.ts";
import type { MilestoneDto } from "../../contract/milestone.ts";
import type { DaoServices } from "../../contract/services.ts";
import type { TaskDto } from "../../contract/task.ts";
import type { UserDto } from "../../contract/user.ts";
import {
  makeConversationData,
  makeDemoFlagsData,
  makeGoalData,
  makeMilestoneData,
  makeTaskData,
  makeUserData,
} from "../factories.ts";

/** A user with a goal, to which every other row belongs. */
export interface Owner {
  readonly user: UserDto;
  readonly goal: GoalDto;
}

/** Creates a user and a goal for one case. */
export async function createOwner({ users, goals }: DaoServices): Promise<Owner> {
  const user = await users.createUser(makeUserData());
  return { user, goal: await goals.createGoal(makeGoalData(user.id)) };
}

/** One row of each entity, and a second task that belongs to no milestone. */
export interface Family extends Owner {
  readonly milestone: MilestoneDto;
  readonly milestoneTask: TaskDto;
  readonly looseTask: TaskDto;
  readonly conversation: ConversationDto;
  readonly demoFlags: DemoFlagsDto;
}

/** Creates a user with everything that a user can have. */
export async function createFamily(services: DaoServices): Promise<Family> {
  const { milestones, tasks, conversations, demoFlags } = services;
  const { user, goal } = await createOwner(services);
  const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
  return {
    user,
    goal,
    milestone,
    milestoneTask: await tasks.createTask(makeTaskData(user.id, goal.id, { milestoneId: milestone.id })),
    looseTask: await tasks.createTask(makeTaskData(user.id, goal.id)),
    conversation: await conversations.createConversation(makeConversationData(user.id, goal.id)),
    demoFlags: await demoFlags.putDemoFlags(user.id, makeDemoFlagsData()),
  };
}

/** Returns the names of the members of the family that can still be read. */
export async function survivors(services: DaoServices, family: Family): Promise<string[]> {
  const reads: Record<string, Promise<unknown>> = {
    user: services.users.getUser(family.user.id),
    goal: services.goals.getGoal(family.goal.id),
    milestone: services.milestones.getMilestone(family.milestone.id),
    milestoneTask: services.tasks.getTask(family.milestoneTask.id),
    looseTask: services.tasks.getTask(family.looseTask.id),
    conversation: services.conversations.getConversation(family.conversation.id),
    demoFlags: services.demoFlags.getDemoFlags(family.user.id),
  };
  const found = await Promise.all(
    Object.entries(reads).map(async ([name, read]) => {
      try {
        await read;
        return [name];
      } catch (error) {
        if (isDaoError(error) && error.code === "not_found") return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

/** Returns an unused id. */
export function unknownId(): string {
  return crypto.randomUUID();
}

/** Waits until the clock shows another millisecond, so that rows created before and after differ in `createdAt`. */
export function nextMillisecond(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3));
}

/** Returns the id of each row, in order. */
export function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map((row) => row.id);
}

/** Calls `make` this many times. */
export function times<Result>(count: number, make: (index: number) => Result): Result[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
