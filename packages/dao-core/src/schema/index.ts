/**
 * The Drizzle tables, to be joined with an application's own tables in its Drizzle queries.
 *
 * @module @flux/dao-core/schema
 */
export { conversations } from "./conversations.ts";
export { demoFlags } from "./demo-flags.ts";
export { goals } from "./goals.ts";
export { idempotencyKeys } from "./idempotency-keys.ts";
export { milestones } from "./milestones.ts";
export { taskPriority, taskState, tasks, triggerType } from "./tasks.ts";
export { users } from "./users.ts";
