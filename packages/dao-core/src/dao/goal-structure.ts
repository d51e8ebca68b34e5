import { v7 as uuidv7 } from "uuid";
import type { CreateOptions } from "../contract/call-options.ts";
import type { GoalStructureCreateDto, GoalWithRelationsDto } from "../contract/goal.ts";
import { goals, milestones, tasks } from "../schema/tables.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { goalStatements } from "./goal-statements.ts";
import { milestoneStatements } from "./milestone-dao.ts";
import { readInstant } from "./statement/instant-text.ts";
import { newRows } from "./statement/json-records.ts";
import { prepared, queryBuilder, run, validInstant } from "./statement/statement.ts";
import { resultValue } from "./statement/text-columns.ts";
import { taskStatements } from "./task-statements.ts";

/**
 * A goal, its milestones and their tasks in one statement, whatever their number: all of it or nothing, one round trip,
 * and three parameters, so that no limit of the protocol is near. Foreign keys are checked at the statement's end.
 */
const insertStructure = prepared("write", () => {
  const newGoal = queryBuilder
    .$with("new_goal")
    .as(goalStatements.insertion().returning({ createdAt: resultValue(goals.createdAt).as("createdAt") }));
  const newMilestones = queryBuilder
    .$with("new_milestones")
    .as(queryBuilder.insert(milestones).select(newRows(milestones, "milestones")));
  const newTasks = queryBuilder.$with("new_tasks").as(queryBuilder.insert(tasks).select(newRows(tasks, "tasks")));
  return queryBuilder.with(newGoal, newMilestones, newTasks).select({ createdAt: newGoal.createdAt }).from(newGoal);
});

/**
 * Creates the structure. It returns what was sent, in the order of the input: the schema adds only the moment of creation. So the
 * rows that are sent are the DTOs that are returned, made in one pass over the input. Changes by an application's trigger are not
 * among them.
 */
export async function createGoalWithStructure(
  executor: SqlExecutor,
  input: GoalStructureCreateDto,
  options?: CreateOptions,
): Promise<GoalWithRelationsDto> {
  const goal = goalStatements.insertValues(options?.id ?? uuidv7(), input.goal, {
    userId: input.goal.userId.toLowerCase(),
  });
  const { id: goalId, userId } = goal;
  const milestoneRows: NewRow[] = [];
  const taskRows: NewRow[] = [];
  for (const milestone of input.milestones ?? []) {
    const milestoneRow = milestoneStatements.insertValues(uuidv7(), milestone, { goalId });
    milestoneRows.push(milestoneRow);
    const owners = { userId, goalId, milestoneId: milestoneRow["id"] };
    for (const task of milestone.tasks ?? [])
      taskRows.push(withOwnDates(taskStatements.insertValues(uuidv7(), task, owners)));
  }
  const values = { ...goal, milestones: JSON.stringify(milestoneRows), tasks: JSON.stringify(taskRows) };
  const { rows } = await run(executor, insertStructure(), values, options);
  const createdAt = readInstant(rows[0]?.[0]);
  for (const row of [goal, ...milestoneRows, ...taskRows]) row["createdAt"] = new Date(createdAt);
  // Every column of its table by name makes a DTO.
  return { ...goal, milestones: milestoneRows, tasks: taskRows } as GoalWithRelationsDto;
}

/** A row under construction, by the names of its DTO. */
type NewRow = Record<string, unknown>;

/**
 * Copies the row's dates, so that the caller cannot change them.
 * @throws ValidationError for an invalid date, which JSON would turn into null
 */
function withOwnDates(row: NewRow): NewRow {
  for (const name in row) {
    const value = row[name];
    if (value instanceof Date) row[name] = new Date(validInstant(name, value));
  }
  return row;
}
