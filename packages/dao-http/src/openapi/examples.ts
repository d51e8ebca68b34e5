import type {
  BulkUpdateResult,
  BulkUpdateStateResult,
  ConversationDto,
  DemoFlagsDto,
  GoalDto,
  GoalWithRelationsDto,
  MessagesAppendResult,
  MilestoneDto,
  Page,
  TaskDto,
  TaskImportResult,
  TaskStatisticsDto,
  UserDto,
} from "@flux/dao-core/contract";
import { encode } from "../wire/encode.ts";
import type { JsonSchema } from "./json-schema.ts";

const id = (last: string) => `0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d${last}`;
const userId = id("6e");
const goalId = id("6f");
const milestoneId = id("70");
const createdAt = new Date("2026-02-14T09:30:00.123Z");

const goal: GoalDto = {
  id: goalId,
  userId,
  title: "Run a half marathon",
  category: "health",
  timeline: "8 weeks",
  status: "active",
  createdAt,
};
const milestone: MilestoneDto = {
  id: milestoneId,
  goalId,
  weekNumber: 1,
  title: "Run 5 km without a break",
  status: "pending",
  createdAt,
};
const task: TaskDto = {
  id: id("71"),
  userId,
  goalId,
  milestoneId,
  title: "Run for 20 minutes",
  startTime: new Date("2026-02-15T10:00:00Z"),
  endTime: new Date("2026-02-15T10:30:00Z"),
  state: "scheduled",
  priority: "standard",
  triggerType: "time",
  isRecurring: false,
  calendarEventId: null,
  createdAt,
};

interface Answers {
  readonly UserDto: UserDto;
  readonly GoalDto: GoalDto;
  readonly GoalWithRelationsDto: GoalWithRelationsDto;
  readonly MilestoneDto: MilestoneDto;
  readonly TaskDto: TaskDto;
  readonly TaskStatisticsDto: TaskStatisticsDto;
  readonly TaskImportResult: TaskImportResult;
  readonly BulkUpdateResult: BulkUpdateResult;
  readonly BulkUpdateStateResult: BulkUpdateStateResult;
  readonly ConversationDto: ConversationDto;
  readonly MessagesAppendResult: MessagesAppendResult;
  readonly DemoFlagsDto: DemoFlagsDto;
}

/** One of everything that is answered, under its name in the document. */
const examples: Answers = {
  UserDto: {
    id: userId,
    name: "Jane Doe",
    email: "jane@example.com",
    preferences: { timezone: "America/New_York" },
    demoMode: false,
    createdAt,
  },
  GoalDto: goal,
  GoalWithRelationsDto: { ...goal, milestones: [milestone], tasks: [task] },
  MilestoneDto: milestone,
  TaskDto: task,
  TaskStatisticsDto: {
    userId,
    totalTasks: 3,
    byState: { scheduled: 1, drifted: 0, completed: 2, missed: 0 },
    completionRate: 0.6667,
  },
  TaskImportResult: { createdCount: 100_000 },
  BulkUpdateResult: {
    results: [
      { id: task.id, task: { ...task, state: "completed" } },
      { id: id("73"), task: null },
    ],
  },
  BulkUpdateStateResult: { updatedCount: 2 },
  ConversationDto: {
    id: id("72"),
    userId,
    goalId,
    messages: [{ role: "user", content: "I would like to run a half marathon." }],
    status: "open",
    createdAt,
  },
  MessagesAppendResult: { messageCount: 2 },
  DemoFlagsDto: { userId, virtualNow: new Date("2026-03-01T08:00:00Z"), escalationSpeed: 2 },
};

/** What an answer of this schema looks like: a component, a list of one, or a page of one. */
export function exampleOf(schema: JsonSchema): unknown {
  return JSON.parse(encode(answerOf(schema)));
}

function answerOf({ $ref, items, properties }: JsonSchema): unknown {
  if ($ref !== undefined) return Reflect.get(examples, $ref.slice($ref.lastIndexOf("/") + 1));
  if (typeof items === "object" && !Array.isArray(items)) return [answerOf(items)];
  const rows = properties?.["items"];
  if (typeof rows !== "object") throw new TypeError("There is no example of such an answer.");
  const paging = { total: 1, page: 1, pageSize: 100, hasNext: false, hasPrev: false, nextCursor: null };
  return { items: [answerOf(rows)].flat(), ...paging } satisfies Page<unknown>;
}
