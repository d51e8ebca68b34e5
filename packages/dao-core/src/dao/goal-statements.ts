import type { GoalDto } from "../contract/goal.ts";
import { goals } from "../schema/tables.ts";
import { EntityStatements } from "./table-dao.ts";

/** The statements on goals, for their DAO and for structures. */
export const goalStatements = new EntityStatements<GoalDto>(goals);
