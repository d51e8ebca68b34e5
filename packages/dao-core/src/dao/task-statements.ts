import type { TaskDto } from "../contract/task.ts";
import { tasks } from "../schema/tasks.ts";
import { EntityStatements } from "./table-dao.ts";

/** The statements on tasks, for their DAO and for what is written or read with them. */
export const taskStatements = new EntityStatements<TaskDto>(tasks);
