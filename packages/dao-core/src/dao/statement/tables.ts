import { PLACEHOLDER } from "../../schema/schema-name.ts";
import { tablesIn } from "../../schema/tables.ts";

/** The tables that statements are compiled with. */
export const { users, goals, milestones, tasks, conversations, demoFlags, idempotencyKeys } = tablesIn(PLACEHOLDER);
