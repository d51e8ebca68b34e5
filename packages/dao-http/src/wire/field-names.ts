import type { DaoServices, JsonArray, JsonObject, Page } from "@flux/dao-core/contract";

/**
 * Field names in TypeScript are camelCase, in JSON snake_case. Both have one spelling only: a name with a capital is
 * none of JSON's, a name with an underscore none of TypeScript's, so that no field can be sent under two names.
 */
const camelCase = /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)*$/;
const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*$/;

/** What the services take and answer, as one union. */
type Exchanged = {
  [Service in keyof DaoServices]: {
    [Method in keyof DaoServices[Service]]: DaoServices[Service][Method] extends (
      ...args: infer Args
    ) => Promise<infer Result> | AsyncIterable<infer Result>
      ? ItemOf<Args[number]> | Result
      : never;
  }[keyof DaoServices[Service]];
}[keyof DaoServices];

/** What is sent one by one is looked at one by one. */
type ItemOf<Value> = Value extends Iterable<infer Item> | AsyncIterable<infer Item> ? Item : Value;

/** The objects that `Value` is made of, down to those whose fields are plain values, instants or JSON columns. */
type ObjectsOf<Value> = Value extends string | number | boolean | null | undefined | Date | AbortSignal
  ? never
  : JsonArray extends Value
    ? never
    : JsonObject extends Value
      ? never
      : Value extends Page<infer Item>
        ? ObjectsOf<Item>
        : Value extends readonly (infer Item)[]
          ? ObjectsOf<Item>
          : Value | ObjectsOf<Value[keyof Value]>;

/** The fields of any DTO that can hold an instant. */
type InstantField = FieldOf<ObjectsOf<Exchanged>, "instant">;
/** The fields of any DTO that hold a caller's own JSON. */
type JsonField = FieldOf<ObjectsOf<Exchanged>, "json">;

/** The fields of all DTOs and pages. */
type AnyField = NameIn<ObjectsOf<Exchanged> | Page<unknown>>;

type NameIn<Dto> = Dto extends unknown ? keyof Dto & string : never;

type FieldOf<Dto, Kind extends "instant" | "json"> = Dto extends unknown
  ? {
      [Name in keyof Dto]-?: KindOf<NonNullable<Dto[Name]>> extends Kind ? Name : never;
    }[keyof Dto] &
      string
  : never;

type KindOf<Value> = [Value] extends [Date]
  ? "instant"
  : JsonObject extends Value
    ? "json"
    : JsonArray extends Value
      ? "json"
      : "other";

// The compiler holds the three complete: a DTO with another such field does not compile until it is named here.
const knownFields = {
  id: true,
  title: true,
  email: true,
  items: true,
  name: true,
  preferences: true,
  demoMode: true,
  createdAt: true,
  userId: true,
  category: true,
  timeline: true,
  status: true,
  goalId: true,
  weekNumber: true,
  milestoneId: true,
  startTime: true,
  endTime: true,
  state: true,
  priority: true,
  triggerType: true,
  isRecurring: true,
  calendarEventId: true,
  messages: true,
  messageCount: true,
  virtualNow: true,
  escalationSpeed: true,
  goal: true,
  milestones: true,
  tasks: true,
  taskIds: true,
  newState: true,
  updatedCount: true,
  totalTasks: true,
  byState: true,
  completionRate: true,
  scheduled: true,
  drifted: true,
  completed: true,
  missed: true,
  startDate: true,
  endDate: true,
  total: true,
  page: true,
  pageSize: true,
  hasNext: true,
  hasPrev: true,
  nextCursor: true,
  updates: true,
  results: true,
  task: true,
  createdCount: true,
} satisfies Record<AnyField, true>;

const instantFields = {
  createdAt: true,
  startTime: true,
  endTime: true,
  startDate: true,
  endDate: true,
  virtualNow: true,
} satisfies Record<InstantField, true>;

const jsonFields = { preferences: true, messages: true } satisfies Record<JsonField, true>;

const instants: ReadonlySet<string> = new Set(Object.keys(instantFields));
const jsons: ReadonlySet<string> = new Set(Object.keys(jsonFields));

/** Whether the field of this camelCase name holds an instant: a `Date` in TypeScript, RFC 3339 text in JSON. */
export const isInstantField = (name: string): boolean => instants.has(name);

/** Whether the field of this camelCase name holds a caller's own JSON, which passes untouched. */
export const isJsonField = (name: string): boolean => jsons.has(name);

function snakeCaseOf(name: string): string | undefined {
  return camelCase.test(name) ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : undefined;
}

function camelCaseOf(name: string): string | undefined {
  return snakeCase.test(name) ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : undefined;
}

// Of the contract's own names only: callers choose others, and whatever they choose must not be remembered.
const wireNames = new Map<string, string>();
const fieldNames = new Map<string, string>();
for (const name of Object.keys(knownFields)) {
  const wireName = snakeCaseOf(name) ?? name;
  wireNames.set(name, wireName);
  fieldNames.set(wireName, name);
}

/** `userId` → `user_id`; `undefined` for what is no camelCase name. */
export const toSnakeCase = (name: string): string | undefined => wireNames.get(name) ?? snakeCaseOf(name);

/** `user_id` → `userId`; `undefined` for what is no snake_case name, such as `__proto__` and `userId`. */
export const toCamelCase = (name: string): string | undefined => fieldNames.get(name) ?? camelCaseOf(name);
