import { tablesIn } from "../../schema/tables.ts";

/** The schema that statements are compiled with; each session replaces it by its own. */
export const PLACEHOLDER = "flux_dao_schema";

/** The tables that statements are compiled with. */
export const { users, goals, milestones, tasks, conversations, demoFlags, idempotencyKeys } = tablesIn(PLACEHOLDER);
