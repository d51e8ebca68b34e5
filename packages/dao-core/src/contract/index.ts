// The files of entities, options and services export what callers see, and nothing else.
export * from "./batch.ts";
export type * from "./call-options.ts";
export * from "./change.ts";
export * from "./conversation.ts";
export * from "./demo-flags.ts";
export * from "./errors.ts";
export {
  TASK_PRIORITIES,
  TASK_STATES,
  type TaskPriority,
  type TaskState,
  TRIGGER_TYPES,
  type TriggerType,
} from "./fields/constants.ts";
export { dtoRegistry, exampleOf } from "./fields/described.ts";
export { type JsonArray, type JsonObject, type JsonValue, MAX_JSON_DEPTH } from "./fields/json.ts";
export { type DatabasePosition, isPosition, parseId, parseInstant } from "./fields/scalars.ts";
export { validate } from "./fields/validation.ts";
export * from "./goal.ts";
export * from "./milestone.ts";
export {
  COUNT_MODES,
  type Count,
  type CountMode,
  countDto,
  MAX_PAGE_SIZE,
  type Page,
  type PageRequest,
  type PageWindow,
  pageOf,
  pageRequest,
  pageWindow,
  toPage,
} from "./page.ts";
export * from "./services.ts";
export * from "./task.ts";
export * from "./user.ts";
export { versionOf } from "./version.ts";
