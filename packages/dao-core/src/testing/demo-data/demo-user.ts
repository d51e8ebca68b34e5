import type { DemoFlagsPutDto } from "../../contract/demo-flags.ts";
import type { UserCreateDto } from "../../contract/user.ts";
import { type DemoGoal, type DemoRow, makeDemoGoal } from "./demo-goal.ts";
import { DAY, HOUR } from "./duration.ts";
import { GOAL_IDEAS } from "./goal-ideas.ts";
import { FAMILY_NAMES, GIVEN_NAMES, TIME_ZONES } from "./people.ts";
import type { Random } from "./random.ts";

/** A user with their goals and demo flags. */
export interface DemoUser extends DemoRow<UserCreateDto> {
  readonly goals: readonly DemoGoal[];
  /** Number of tasks of all goals together. */
  readonly taskCount: number;
  /** Only of users in demo mode. */
  readonly demoFlags: DemoFlagsPutDto | undefined;
}

/** What a user is made from. */
interface UserPlan {
  /** Makes the unique local part of the e-mail address. */
  readonly mailbox: (name: string) => string;
  readonly taskCount: number;
  /** The current time of the demo data, in milliseconds since 1970. */
  readonly now: number;
}

/** A user has one goal per this many tasks. */
const TASKS_PER_GOAL = 40;

export function makeDemoUser({ mailbox, taskCount, now }: UserPlan, random: Random): DemoUser {
  const name = `${random.oneOf(GIVEN_NAMES)} ${random.oneOf(FAMILY_NAMES)}`;
  const zone = random.oneOf(TIME_ZONES);
  const userId = random.id(now - random.between(90, 400) * DAY);
  const isDemo = random.chance(0.15);
  const goalCount = Math.min(Math.max(random.between(1, 2), Math.ceil(taskCount / TASKS_PER_GOAL)), GOAL_IDEAS.length);
  const firstIdea = random.between(0, GOAL_IDEAS.length - 1);
  const goals = Array.from({ length: goalCount }, (_, index) => {
    const idea = GOAL_IDEAS[(firstIdea + index) % GOAL_IDEAS.length] ?? GOAL_IDEAS[0];
    const share = Math.floor((taskCount * (index + 1)) / goalCount) - Math.floor((taskCount * index) / goalCount);
    return makeDemoGoal({ userId, idea, taskCount: share, hoursAhead: zone.ahead, now }, random);
  });
  return {
    id: userId,
    data: {
      name,
      email: `${mailbox(name)}@example.com`,
      preferences: {
        timezone: zone.name,
        theme: random.oneOf(["light", "dark"]),
        reminder_minutes: random.oneOf([0, 10, 30]),
      },
      demoMode: isDemo,
    },
    goals,
    taskCount,
    demoFlags: isDemo
      ? {
          virtualNow: random.chance(0.5) ? new Date(now + random.between(-48, 48) * HOUR) : null,
          escalationSpeed: random.oneOf([1, 10, 60]),
        }
      : undefined,
  };
}
