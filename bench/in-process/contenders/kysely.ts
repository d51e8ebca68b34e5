import { type Generated, Kysely, PostgresDialect } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import pg from "pg";
import { toPage } from "../../handwritten/results.ts";
import type { GoalRow, MilestoneRow, NewTask, TaskRow } from "../../handwritten/rows.ts";
import type { OwnedNewTask } from "../../handwritten/task-transfer.ts";
import type { Operations } from "../../operations.ts";
import type { Calls, Structure } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { countsToStatistics } from "./counts-to-statistics.ts";
import { toRow } from "./handwritten.ts";

/** A row whose id and creation time the database generates. */
type Table<Row extends { id: string; created_at: Date }> = Omit<Row, "id" | "created_at"> & {
  id: Generated<string>;
  created_at: Generated<Date>;
};

interface Tables {
  readonly goals: Table<GoalRow>;
  readonly milestones: Table<MilestoneRow>;
  readonly tasks: Table<Omit<TaskRow, "state"> & { readonly state: OwnedNewTask["state"] }>;
}

/** Kysely as in its docs, on pg. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const newTask = withDates(toRow(calls.task));
  const page = async (number: number) => {
    const [items, counted] = await Promise.all([
      db
        .selectFrom("tasks")
        .selectAll()
        .orderBy("created_at", "desc")
        .orderBy("id", "desc")
        .limit(100)
        .offset((number - 1) * 100)
        .execute(),
      db
        .selectFrom("tasks")
        .select(({ fn }) => fn.countAll<string>().as("total"))
        .executeTakeFirstOrThrow(),
    ]);
    return toPage({ items, total: Number(counted.total) }, number, 100);
  };
  return {
    find: (call) => db.selectFrom("tasks").selectAll().where("id", "=", calls.taskId(call)).executeTakeFirst(),
    timerange: (call) => {
      const { userId, start, end } = calls.week(call);
      return db
        .selectFrom("tasks")
        .selectAll()
        .where("user_id", "=", userId)
        .where("start_time", ">=", start)
        .where("start_time", "<=", end)
        .orderBy("start_time")
        .orderBy("id")
        .execute();
    },
    statistics: async (call) => {
      const { userId, start, end } = calls.month(call);
      const counts = await db
        .selectFrom("tasks")
        .select(({ fn }) => ["state", fn.countAll<string>().as("count")])
        .where("user_id", "=", userId)
        .where("created_at", ">=", start)
        .where("created_at", "<=", end)
        .groupBy("state")
        .execute();
      return countsToStatistics(
        userId,
        counts.map(({ state, count }) => ({ state, count: Number(count) })),
      );
    },
    page: () => page(1),
    pageDeep: () => page(calls.lastPage),
    full: (call) => findFull(db, calls.goalId(call)),
    create: () => db.insertInto("tasks").values(newTask).returningAll().executeTakeFirstOrThrow(),
    update: (call) => {
      const { id, ...changes } = calls.change(call);
      return db.updateTable("tasks").set(changes).where("id", "=", id).returningAll().executeTakeFirst();
    },
    bulk: async (call) => {
      const { ids, state } = calls.bulk(call);
      const { numUpdatedRows } = await db
        .updateTable("tasks")
        .set({ state })
        .where("id", "in", ids)
        .executeTakeFirstOrThrow();
      return { updated_count: Number(numUpdatedRows) };
    },
    structure8x5: () => createStructure(db, calls.smallStructure),
  };
}

/** With the helper for nested arrays; timestamps arrive as text in JSON. */
async function findFull(db: Kysely<Tables>, id: string) {
  const goal = await db
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
    .executeTakeFirstOrThrow();
  return {
    ...goal,
    milestones: goal.milestones.map((row) => ({ ...row, created_at: new Date(row.created_at) })),
    tasks: goal.tasks.map((row) => ({
      ...row,
      start_time: row.start_time === null ? null : new Date(row.start_time),
      end_time: row.end_time === null ? null : new Date(row.end_time),
      created_at: new Date(row.created_at),
    })),
  };
}

function createStructure(db: Kysely<Tables>, { rows }: Structure) {
  return db.transaction().execute(async (transaction) => {
    const goal = await transaction.insertInto("goals").values(rows.goal).returningAll().executeTakeFirstOrThrow();
    const milestones = await transaction
      .insertInto("milestones")
      .values(rows.milestones.map(({ tasks: _, ...milestone }) => ({ ...milestone, goal_id: goal.id })))
      .returningAll()
      .execute();
    const tasks = await transaction
      .insertInto("tasks")
      .values(
        rows.milestones.flatMap(({ tasks: itsTasks }, index) => {
          const milestone_id = milestones[index]?.id ?? null;
          return itsTasks.map((task) => ({
            ...withDates(task),
            user_id: goal.user_id,
            goal_id: goal.id,
            milestone_id,
          }));
        }),
      )
      .returningAll()
      .execute();
    return { ...goal, milestones, tasks };
  });
}

/** Kysely's row types, unlike the hand-written ones, distinguish selected from inserted values. */
function withDates<Task extends NewTask>({ start_time, end_time, ...task }: Task) {
  return {
    ...task,
    start_time: start_time === null ? null : new Date(start_time),
    end_time: end_time === null ? null : new Date(end_time),
  };
}
