import type { GoalDao, GoalWithRelationsDto } from "@flux/dao-core";
import { type ColumnValues, type EntityRows, entityRows, type RunCall } from "@flux/dao-core/engine";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import { entityDao } from "./entity-dao.ts";
import { insertMany } from "./insert-many.ts";
import type { Db } from "./kysely-engine.ts";

const { goals, milestones, tasks } = entityRows;

/** Goals; a structure is written, and read, in one statement each. */
export function goalDao(run: RunCall<Db>): GoalDao {
  return {
    ...entityDao(run, goals),
    createWithStructure: ({ goal, milestones: newMilestones = [] }, options) =>
      run(async (db) => {
        const goalRow = goals.insertion(goal, {}, options?.id);
        const { id: goalId } = goalRow;
        const milestoneRows: ColumnValues[] = [];
        const taskRows: ColumnValues[] = [];
        for (const milestone of newMilestones) {
          const row = milestones.insertion(milestone, { goalId });
          milestoneRows.push(row);
          const owners = { userId: goal.userId, goalId, milestoneId: row["id"] };
          taskRows.push(...(milestone.tasks ?? []).map((task) => tasks.insertion(task, owners)));
        }
        const created = await db
          .with("goal", (cte) => cte.insertInto("goals").values(goalRow).returningAll())
          .with("new_milestones", (cte) => insertMany(cte, milestones, milestoneRows).returningAll())
          .with("new_tasks", (cte) => insertMany(cte, tasks, taskRows).returningAll())
          .selectFrom("goal")
          .selectAll("goal")
          .select(({ selectFrom }) => [
            jsonArrayFrom(selectFrom("new_milestones").selectAll()).as("milestones"),
            jsonArrayFrom(selectFrom("new_tasks").selectAll()).as("tasks"),
          ])
          .executeTakeFirstOrThrow();
        return readGoal(created);
      }, options),
    findWithRelations: (id, options) =>
      run(async (db) => {
        const row = await db
          .selectFrom("goals")
          .selectAll()
          .select(({ selectFrom }) => [
            jsonArrayFrom(
              selectFrom("milestones")
                .selectAll()
                .whereRef("milestones.goal_id", "=", "goals.id")
                .orderBy("week_number")
                .orderBy("created_at")
                .orderBy("id"),
            ).as("milestones"),
            jsonArrayFrom(
              selectFrom("tasks")
                .selectAll()
                .whereRef("tasks.goal_id", "=", "goals.id")
                .orderBy("start_time")
                .orderBy("created_at")
                .orderBy("id"),
            ).as("tasks"),
          ])
          .where("id", "=", id)
          .executeTakeFirst();
        return row === undefined ? null : readGoal(row);
      }, options),
  };
}

function readGoal(row: { readonly milestones: object[]; readonly tasks: object[] }): GoalWithRelationsDto {
  const readAll = <Dto extends object>(rows: EntityRows<Dto>, list: object[]) => list.map((one) => rows.read(one));
  return { ...goals.read(row), milestones: readAll(milestones, row.milestones), tasks: readAll(tasks, row.tasks) };
}
