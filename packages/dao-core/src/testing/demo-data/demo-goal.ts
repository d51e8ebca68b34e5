import type { ConversationCreateDto } from "../../contract/conversation.ts";
import type { GoalCreateDto } from "../../contract/goal.ts";
import type { MilestoneCreateDto } from "../../contract/milestone.ts";
import type { TaskImportDto } from "../../contract/task.ts";
import { demoConversation } from "./demo-conversation.ts";
import { demoTasks } from "./demo-tasks.ts";
import { DAY, HOUR, WEEK } from "./duration.ts";
import type { GoalIdea } from "./goal-ideas.ts";
import type { Random } from "./random.ts";

/** A row and its id. */
export interface DemoRow<Data> {
  readonly id: string;
  readonly data: Data;
}

/** A goal with its milestones, tasks and conversation. */
export interface DemoGoal extends DemoRow<GoalCreateDto> {
  /** One per week. */
  readonly milestones: readonly DemoRow<MilestoneCreateDto>[];
  /** Made as they are read; the same each time. */
  readonly tasks: Iterable<TaskImportDto>;
  readonly conversation: DemoRow<ConversationCreateDto> | undefined;
}

/** What a goal is made from. */
interface GoalPlan {
  readonly userId: string;
  readonly idea: GoalIdea;
  readonly taskCount: number;
  /** How many hours the user's clock is ahead of UTC. */
  readonly hoursAhead: number;
  /** The current time of the demo data, in milliseconds since 1970. */
  readonly now: number;
}

/** Midnight of the first Monday after the start of 1970. */
const FIRST_MONDAY = 4 * DAY;

/** Makes a goal that started some weeks ago and may be reached, or that starts soon. */
export function makeDemoGoal({ userId, idea, taskCount, hoursAhead, now }: GoalPlan, random: Random): DemoGoal {
  const { title, category, weeks } = idea;
  const monday = now - ((now - FIRST_MONDAY) % WEEK) - random.between(-1, weeks.length + 1) * WEEK;
  const start = monday - hoursAhead * HOUR;
  // In the days before it starts, or before now.
  const created = Math.min(start, now) - random.between(1, 5 * 24) * HOUR;
  const isReached = start + weeks.length * WEEK <= now;
  const id = random.id(created);
  const milestones = weeks.map((milestone, index) => {
    const status = milestoneStatus(start + index * WEEK, now);
    const data = { goalId: id, weekNumber: index + 1, title: milestone, status };
    return { id: random.id(created + index), data };
  });
  const milestoneIds = milestones.map((milestone) => milestone.id);
  const seed = [random.word(), random.word()] as const;
  return {
    id,
    data: { userId, title, category, timeline: `${weeks.length} weeks`, status: isReached ? "completed" : "active" },
    milestones,
    tasks: demoTasks({ userId, goalId: id, milestoneIds, idea, count: taskCount, created, start, now, seed }),
    conversation: random.chance(0.8)
      ? {
          id: random.id(created),
          data: demoConversation({ userId, goalId: id, title, isReached }, created, random),
        }
      : undefined,
  };
}

function milestoneStatus(start: number, now: number): string {
  if (start + WEEK <= now) return "completed";
  return start <= now ? "in_progress" : "pending";
}
