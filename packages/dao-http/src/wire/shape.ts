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

/** The fields of an object, each with what it holds. */
export interface Fields {
  readonly [name: string]: AnyShape;
}

/** The shape of a result as plain data: a scalar, the fields of an object, a list of one shape, or an object or null. */
export type AnyShape = Scalar | `${Scalar} or null` | Fields | readonly [AnyShape, null?];

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

export const userShape: Shape<UserDto> = {
  id: "string",
  name: "string",
  email: "string",
  preferences: "json",
  demoMode: "boolean",
  createdAt: "instant",
};

export const goalShape: Shape<GoalDto> = {
  id: "string",
  userId: "string",
  title: "string",
  category: "string or null",
  timeline: "string or null",
  status: "string",
  createdAt: "instant",
};

export const milestoneShape: Shape<MilestoneDto> = {
  id: "string",
  goalId: "string",
  weekNumber: "number",
  title: "string",
  status: "string",
  createdAt: "instant",
};

export const taskShape: Shape<TaskDto> = {
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

export const conversationShape: Shape<ConversationDto> = {
  id: "string",
  userId: "string",
  goalId: "string",
  messages: "json",
  status: "string",
  createdAt: "instant",
};

export const demoFlagsShape: Shape<DemoFlagsDto> = {
  userId: "string",
  virtualNow: "instant or null",
  escalationSpeed: "number",
};

export const goalWithRelationsShape: Shape<GoalWithRelationsDto> = {
  ...goalShape,
  milestones: [milestoneShape],
  tasks: [taskShape],
};

export const taskStatisticsShape: Shape<TaskStatisticsDto> = {
  userId: "string",
  totalTasks: "number",
  byState: { scheduled: "number", drifted: "number", completed: "number", missed: "number" },
  completionRate: "number",
};

export const bulkUpdateShape: Shape<BulkUpdateResult> = { results: [{ id: "string", task: [taskShape, null] }] };
export const bulkUpdateStateShape: Shape<BulkUpdateStateResult> = { updatedCount: "number" };
export const taskImportShape: Shape<TaskImportResult> = { createdCount: "number" };
export const messagesAppendShape: Shape<MessagesAppendResult> = { messageCount: "number" };

type PageShape<Item> = Omit<Shape<Page<string>>, "items"> & { readonly items: readonly [Item] };

/** The shape of a page of items that have this one. */
export function pageShape<Item>(item: Item): PageShape<Item> {
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

/** Every object that a service returns is one of these, or within one. */
export const resultShapes: readonly AnyShape[] = [
  userShape,
  goalWithRelationsShape,
  conversationShape,
  demoFlagsShape,
  taskStatisticsShape,
  bulkUpdateShape,
  bulkUpdateStateShape,
  taskImportShape,
  messagesAppendShape,
  pageShape(taskShape),
];
