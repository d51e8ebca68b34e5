import type {
  BulkUpdateResult,
  BulkUpdateStateResult,
  ConversationDto,
  DemoFlagsDto,
  GoalDto,
  GoalWithRelationsDto,
  JsonArray,
  JsonObject,
  MessagesAppendResult,
  MilestoneDto,
  Page,
  TaskDto,
  TaskImportResult,
  TaskStatisticsDto,
  UserDto,
} from "@flux/dao-core/contract";

/** What a value of JSON can be. A JSON column is whatever its writers put there. */
type Scalar = "string" | "number" | "boolean" | "instant" | "json";

/** The shape of a result as plain data: a scalar, the fields of an object, a list of one shape, or an object or null. */
export type AnyShape =
  | Scalar
  | `${Scalar} or null`
  | { readonly [name: string]: AnyShape }
  | readonly [AnyShape, null?];

/** The shape of `Value`, held complete by the compiler: a DTO with another field does not compile until it is named here. */
export type Shape<Value> = null extends Value ? OrNull<PresentShape<NonNullable<Value>>> : PresentShape<Value>;

type OrNull<Present> = Present extends Scalar ? `${Present} or null` : readonly [Present, null];

type PresentShape<Value> = [Value] extends [string]
  ? "string"
  : [Value] extends [number]
    ? "number"
    : [Value] extends [boolean]
      ? "boolean"
      : [Value] extends [Date]
        ? "instant"
        : JsonObject extends Value
          ? "json"
          : JsonArray extends Value
            ? "json"
            : Value extends readonly (infer Item)[]
              ? readonly [Shape<Item>]
              : { readonly [Name in keyof Value]-?: Shape<Value[Name]> };

export const user: Shape<UserDto> = {
  id: "string",
  name: "string",
  email: "string",
  preferences: "json",
  demoMode: "boolean",
  createdAt: "instant",
};

export const goal: Shape<GoalDto> = {
  id: "string",
  userId: "string",
  title: "string",
  category: "string or null",
  timeline: "string or null",
  status: "string",
  createdAt: "instant",
};

export const milestone: Shape<MilestoneDto> = {
  id: "string",
  goalId: "string",
  weekNumber: "number",
  title: "string",
  status: "string",
  createdAt: "instant",
};

export const task: Shape<TaskDto> = {
  id: "string",
  userId: "string",
  goalId: "string",
  milestoneId: "string or null",
  title: "string",
  startTime: "instant or null",
  endTime: "instant or null",
  state: "string",
  priority: "string",
  triggerType: "string",
  isRecurring: "boolean",
  calendarEventId: "string or null",
  createdAt: "instant",
};

export const conversation: Shape<ConversationDto> = {
  id: "string",
  userId: "string",
  goalId: "string or null",
  messages: "json",
  status: "string",
  createdAt: "instant",
};

export const demoFlags: Shape<DemoFlagsDto> = {
  userId: "string",
  virtualNow: "instant or null",
  escalationSpeed: "number",
};

export const goalWithRelations: Shape<GoalWithRelationsDto> = {
  ...goal,
  milestones: [milestone],
  tasks: [task],
};

export const taskStatistics: Shape<TaskStatisticsDto> = {
  userId: "string",
  totalTasks: "number",
  byState: { scheduled: "number", drifted: "number", completed: "number", missed: "number" },
  completionRate: "number",
};

export const bulkUpdate: Shape<BulkUpdateResult> = { results: [{ id: "string", task: [task, null] }] };
export const bulkUpdateState: Shape<BulkUpdateStateResult> = { updatedCount: "number" };
export const taskImport: Shape<TaskImportResult> = { createdCount: "number" };
export const messagesAppend: Shape<MessagesAppendResult> = { messageCount: "number" };

type PageShape<Item> = Omit<Shape<Page<string>>, "items"> & { readonly items: readonly [Item] };

/** The shape of a page of items that have this one. */
export function page<Item>(item: Item): PageShape<Item> {
  return {
    items: [item],
    total: "number or null",
    page: "number or null",
    pageSize: "number",
    hasNext: "boolean",
    hasPrev: "boolean",
    nextCursor: "string or null",
  };
}
