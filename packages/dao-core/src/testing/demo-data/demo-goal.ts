import type { ConversationCreateDto } from "../../contract/conversation.ts";
import type { GoalCreateDto } from "../../contract/goal.ts";
import type { MilestoneCreateDto } from "../../contract/milestone.ts";
import type { TaskImportDto } from "../../contract/task.ts";
import { demoConversation } from "./demo-conversation.ts";
import { demoId } from "./demo-id.ts";
import { demoTasks } from "./demo-tasks.ts";
import { DAY, HOUR, WEEK } from "./duration.ts";
import type { GoalIdea } from "./goal-ideas.ts";
import type { Random } from "./random.ts";

/** A row, and the id that it gets. */
export interface DemoRow<Data> {
  readonly id: string;
  readonly data: Data;
}

/** A goal with all that belongs to it. */
export interface DemoGoal extends DemoRow<GoalCreateDto> {
  /** One for each week. */
  readonly milestones: readonly DemoRow<MilestoneCreateDto>[];
  /** Made as they are read, and the same each time. */
  readonly tasks: Iterable<TaskImportDto>;
  readonly conversation: DemoRow<ConversationCreateDto> | undefined;
}

/** What a goal follows from. */
interface GoalPlan {
  readonly userId: string;
  readonly idea: GoalIdea;
  readonly taskCount: number;
  /** By how many hours the person's clock is ahead of UTC. */
  readonly hoursAhead: number;
  /** The instant that all is seen from, in milliseconds since 1970. */
  readonly now: number;
}

/** The first Monday's midnight since 1970 began. */
const FIRST_MONDAY = 4 * DAY;

/** A goal that was begun some weeks before now, and may be reached by now, or one that is to be begun soon. */
export function makeDemoGoal({ userId, idea, taskCount, hoursAhead, now }: GoalPlan, random: Random): DemoGoal {
  const { title, category, weeks } = idea;
  const monday = now - ((now - FIRST_MONDAY) % WEEK) - random.between(-1, weeks.length + 1) * WEEK;
  const start = monday - hoursAhead * HOUR;
  // In the days before it begins, or before now.
  const created = Math.min(start, now) - random.between(1, 5 * 24) * HOUR;
  const isReached = start + weeks.length * WEEK <= now;
  const id = demoId(random, created);
  const milestones = weeks.map((milestone, index) => {
    const status = milestoneStatus(start + index * WEEK, now);
    const data = { goalId: id, weekNumber: index + 1, title: milestone, status };
    return { id: demoId(random, created + index), data };
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
          id: demoId(random, created),
          data: demoConversation({ userId, goalId: id, title, isReached }, created, random),
        }
      : undefined,
  };
}

function milestoneStatus(start: number, now: number): string {
  if (start + WEEK <= now) return "completed";
  return start <= now ? "in_progress" : "pending";
}
