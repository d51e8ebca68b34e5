import type { GoalDto } from "../contract/goal.ts";
import { goals } from "../schema/tables.ts";
import { EntityStatements } from "./table-dao.ts";

/** The statements on goals, for their DAO and for what is written or read with them. */
export const goalStatements = new EntityStatements<GoalDto>(goals);
