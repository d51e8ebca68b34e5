import type { TaskState } from "@flux/dao-core";
import { Between, DataSource, In } from "typeorm";
import { toPage } from "../../handwritten/results.ts";
import type { Operations } from "../../operations.ts";
import type { Calls, Structure } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { countsToStatistics } from "./counts-to-statistics.ts";
import { goalSchema, milestoneSchema, taskSchema } from "./typeorm-entities.ts";

/** TypeORM as in its docs: repositories, and `save` for creates and updates. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const source = new DataSource({
    type: "postgres",
    url,
    poolSize: POOL_SIZE,
    installExtensions: false,
    entities: [goalSchema, milestoneSchema, taskSchema],
  });
  await source.initialize();
  const tasks = source.getRepository(taskSchema);
  const goals = source.getRepository(goalSchema);
  const page = async (number: number) => {
    const [items, total] = await tasks.findAndCount({
      order: { createdAt: "DESC", id: "DESC" },
      take: 100,
      skip: (number - 1) * 100,
    });
    return toPage({ items, total }, number, 100);
  };
  return {
    find: (call) => tasks.findOneBy({ id: calls.taskId(call) }),
    timerange: (call) => {
      const { userId, start, end } = calls.week(call);
      return tasks.find({ where: { userId, startTime: Between(start, end) }, order: { startTime: "ASC", id: "ASC" } });
    },
    statistics: async (call) => {
      const { userId, start, end } = calls.month(call);
      const counts = await tasks
        .createQueryBuilder("task")
        .select("task.state", "state")
        .addSelect("count(*)::int", "count")
        .where({ userId, createdAt: Between(start, end) })
        .groupBy("task.state")
        .getRawMany<{ state: TaskState; count: number }>();
      return countsToStatistics(userId, counts);
    },
    page: () => page(1),
    pageDeep: () => page(calls.lastPage),
    // Joins, which are the default, would return the product of the two lists; separate queries return them unordered.
    full: async (call) => {
      const goal = await goals.findOneOrFail({
        where: { id: calls.goalId(call) },
        relations: { milestones: true, tasks: true },
        relationLoadStrategy: "query",
      });
      goal.milestones?.sort((a, b) => a.weekNumber - b.weekNumber || compare(a, b));
      goal.tasks?.sort((a, b) => toNumber(a.startTime) - toNumber(b.startTime) || compare(a, b));
      return goal;
    },
    create: () => tasks.save(tasks.create(calls.task)),
    update: async (call) => {
      const { id, ...changes } = calls.change(call);
      const task = await tasks.findOneByOrFail({ id });
      return tasks.save(tasks.merge(task, changes));
    },
    bulk: async (call) => {
      const { ids, state } = calls.bulk(call);
      const { affected } = await tasks.update({ id: In(ids) }, { state });
      return { updatedCount: affected };
    },
    structure8x5: () => createStructure(source, calls.smallStructure),
  };
}

function createStructure(source: DataSource, { dto }: Structure) {
  return source.transaction(async (manager) => {
    const goal = await manager.save(goalSchema, { ...dto.goal });
    const milestones = await manager.save(
      milestoneSchema,
      dto.milestones.map(({ tasks: _, ...milestone }) => ({ ...milestone, goalId: goal.id })),
    );
    const tasks = await manager.save(
      taskSchema,
      dto.milestones.flatMap(({ tasks: newTasks }, index) => {
        const milestoneId = milestones[index]?.id ?? null;
        return newTasks.map((task) => ({ ...task, userId: dto.goal.userId, goalId: goal.id, milestoneId }));
      }),
    );
    return { ...goal, milestones, tasks };
  });
}

function compare(a: { createdAt: Date; id: string }, b: { createdAt: Date; id: string }): number {
  return toNumber(a.createdAt) - toNumber(b.createdAt) || (a.id < b.id ? -1 : 1);
}

/** Nulls last, as in PostgreSQL. */
function toNumber(instant: Date | null): number {
  return instant?.getTime() ?? Number.MAX_VALUE;
}
