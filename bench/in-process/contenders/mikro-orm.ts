import type { TaskState } from "@flux/dao-core";
import { LoadStrategy, MikroORM, raw } from "@mikro-orm/postgresql";
import { toPage } from "../../handwritten/results.ts";
import type { Operations } from "../../operations.ts";
import type { Calls, Structure } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { countsToStatistics } from "./counts-to-statistics.ts";
import { type Goal, goalSchema, type Milestone, milestoneSchema, type Task, taskSchema } from "./mikro-orm-entities.ts";

/** MikroORM as in its docs: an entity manager per request, changes by its unit of work. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [goalSchema, milestoneSchema, taskSchema],
    pool: { min: 0, max: POOL_SIZE },
    discovery: { checkDuplicateFieldNames: false },
  });
  const page = async (number: number) => {
    const [items, total] = await orm.em
      .fork()
      .findAndCount(
        taskSchema,
        {},
        { orderBy: { createdAt: "desc", id: "desc" }, limit: 100, offset: (number - 1) * 100 },
      );
    return toPage({ items: items.map(toTaskDto), total }, number, 100);
  };
  return {
    find: async (call) => toTaskDto(await orm.em.fork().findOneOrFail(taskSchema, { id: calls.taskId(call) })),
    timerange: async (call) => {
      const { userId, start, end } = calls.week(call);
      const tasks = await orm.em
        .fork()
        .find(
          taskSchema,
          { userId, startTime: { $gte: start, $lte: end } },
          { orderBy: { startTime: "asc", id: "asc" } },
        );
      return tasks.map(toTaskDto);
    },
    statistics: async (call) => {
      const { userId, start, end } = calls.month(call);
      const counts = await orm.em
        .fork()
        .createQueryBuilder(taskSchema)
        .select(["state", raw("count(*)::int as count")])
        .where({ userId, createdAt: { $gte: start, $lte: end } })
        .groupBy("state")
        .execute<{ state: TaskState; count: number }[]>("all");
      return countsToStatistics(userId, counts);
    },
    page: () => page(1),
    pageDeep: () => page(calls.lastPage),
    full: async (call) => {
      // Joins, which are the default, would return the product of the two lists.
      const goal = await orm.em
        .fork()
        .findOneOrFail(
          goalSchema,
          { id: calls.goalId(call) },
          { populate: ["milestones", "tasks"], strategy: LoadStrategy.SELECT_IN },
        );
      return toGoalDto(goal, goal.milestones.getItems(), goal.tasks.getItems());
    },
    create: async () => {
      const em = orm.em.fork();
      const { goalId, milestoneId, ...fields } = calls.task;
      const task = em.create(taskSchema, { ...fields, goal: goalId, milestone: milestoneId });
      await em.persistAndFlush(task);
      return toTaskDto(task);
    },
    update: async (call) => {
      const em = orm.em.fork();
      const { id, ...changes } = calls.change(call);
      const task = await em.findOneOrFail(taskSchema, { id });
      em.assign(task, changes);
      await em.flush();
      return toTaskDto(task);
    },
    bulk: async (call) => {
      const { ids, state } = calls.bulk(call);
      return { updatedCount: await orm.em.fork().nativeUpdate(taskSchema, { id: { $in: ids } }, { state }) };
    },
    structure8x5: () => createStructure(orm, calls.smallStructure),
  };
}

async function createStructure(orm: MikroORM, { dto }: Structure) {
  const em = orm.em.fork();
  const goal = em.create(goalSchema, dto.goal);
  const milestones: Milestone[] = [];
  const tasks: Task[] = [];
  for (const { tasks: newTasks, ...fields } of dto.milestones) {
    const milestone = em.create(milestoneSchema, { ...fields, goal });
    milestones.push(milestone);
    for (const task of newTasks) {
      tasks.push(em.create(taskSchema, { ...task, userId: dto.goal.userId, goal, milestone }));
    }
  }
  await em.persistAndFlush(goal);
  return toGoalDto(goal, milestones, tasks);
}

function toGoalDto({ milestones: _, tasks: __, ...goal }: Goal, milestones: Milestone[], tasks: Task[]) {
  return {
    ...goal,
    milestones: milestones.map(({ goal: owner, tasks: _, ...milestone }) => ({ ...milestone, goalId: owner.id })),
    tasks: tasks.map(toTaskDto),
  };
}

function toTaskDto({ goal, milestone, ...task }: Task) {
  return { ...task, goalId: goal.id, milestoneId: milestone?.id ?? null };
}
