/**
 * The Drizzle tables, to be joined with an application's own tables in its Drizzle queries.
 *
 * @module @flux/dao-core/schema
 */
import { tablesIn } from "./tables.ts";

export { tablesIn };

export const {
  users,
  goals,
  milestones,
  taskState,
  taskPriority,
  triggerType,
  tasks,
  conversations,
  demoFlags,
  idempotencyKeys,
} = tablesIn("public");
