import { and, asc, count, desc, eq, gte, inArray, lte } from "drizzle-orm";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { toPage } from "../../handwritten/results.ts";
import type { Structure } from "../calls.ts";
import { countsToStatistics } from "./counts-to-statistics.ts";
import * as schema from "./drizzle-schema.ts";
import { goals, milestones, tasks } from "./drizzle-schema.ts";

type NewTask = typeof tasks.$inferInsert;

/** The queries as in Drizzle's docs: built at each call, on postgres.js. */
export class DrizzleQueries {
  readonly #db: PostgresJsDatabase<typeof schema>;

  constructor(url: string, poolSize: number) {
    this.#db = drizzle(postgres(url, { max: poolSize }), { schema });
  }

  async find(id: string) {
    const [task] = await this.#db.select().from(tasks).where(eq(tasks.id, id));
    return task;
  }

  byTimerange(userId: string, start: Date, end: Date) {
    return this.#db
      .select()
      .from(tasks)
      .where(and(eq(tasks.userId, userId), gte(tasks.startTime, start), lte(tasks.startTime, end)))
      .orderBy(asc(tasks.startTime), asc(tasks.id));
  }

  async statistics(userId: string, start: Date, end: Date) {
    const counts = await this.#db
      .select({ state: tasks.state, count: count() })
      .from(tasks)
      .where(and(eq(tasks.userId, userId), gte(tasks.createdAt, start), lte(tasks.createdAt, end)))
      .groupBy(tasks.state);
    return countsToStatistics(userId, counts);
  }

  async page(page: number, pageSize: number) {
    const [items, total] = await Promise.all([
      this.#db
        .select()
        .from(tasks)
        .orderBy(desc(tasks.createdAt), desc(tasks.id))
        .limit(pageSize)
        .offset((page - 1) * pageSize),
      this.#db.$count(tasks),
    ]);
    return toPage({ items, total }, page, pageSize);
  }

  full(id: string) {
    return this.#db.query.goals.findFirst({
      where: eq(goals.id, id),
      with: {
        milestones: { orderBy: [asc(milestones.weekNumber), asc(milestones.createdAt), asc(milestones.id)] },
        tasks: { orderBy: [asc(tasks.startTime), asc(tasks.createdAt), asc(tasks.id)] },
      },
    });
  }

  async create(task: NewTask) {
    const [created] = await this.#db.insert(tasks).values(task).returning();
    return created;
  }

  async update(id: string, changes: Partial<NewTask>) {
    const [updated] = await this.#db.update(tasks).set(changes).where(eq(tasks.id, id)).returning();
    return updated;
  }

  async bulkUpdateState(ids: string[], state: NonNullable<NewTask["state"]>) {
    const { count } = await this.#db.update(tasks).set({ state }).where(inArray(tasks.id, ids));
    return { updatedCount: count };
  }

  createStructure({ goal, milestones: newMilestones }: Structure["dto"]) {
    return this.#db.transaction(async (transaction) => {
      const [createdGoal] = await transaction.insert(goals).values(goal).returning();
      if (createdGoal === undefined) throw new Error("The goal was not created.");
      const goalId = createdGoal.id;
      const createdMilestones = await transaction
        .insert(milestones)
        .values(newMilestones.map(({ tasks: _, ...milestone }) => ({ ...milestone, goalId })))
        .returning();
      const createdTasks = await transaction
        .insert(tasks)
        .values(
          newMilestones.flatMap(({ tasks: itsTasks }, index) => {
            const milestoneId = createdMilestones[index]?.id ?? null;
            return itsTasks.map((task) => ({ ...task, userId: goal.userId, goalId, milestoneId }));
          }),
        )
        .returning();
      return { ...createdGoal, milestones: createdMilestones, tasks: createdTasks };
    });
  }
}
