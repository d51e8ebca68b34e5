import { toPage } from "../../handwritten/results.ts";
import type { Operations } from "../../operations.ts";
import type { Calls, Structure } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { countsToStatistics } from "./counts-to-statistics.ts";
import type { PrismaClient, PrismaModule, TaskModel } from "./prisma/client-types.ts";

/** Prisma as in its docs, on its driver adapter for pg; `PRISMA_CLIENT` is the path of the generated client. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const { PrismaClient, PrismaPg } = (await import(process.env["PRISMA_CLIENT"] ?? "")) as PrismaModule;
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: POOL_SIZE }) });
  const page = async (number: number) => {
    const [items, total] = await Promise.all([
      prisma.task.findMany({
        orderBy: [{ createdAt: "desc" }, { id: "desc" }],
        take: 100,
        skip: (number - 1) * 100,
      }),
      prisma.task.count(),
    ]);
    return toPage({ items: items.map(toTaskDto), total }, number, 100);
  };
  return {
    find: async (call) => toTaskDto(found(await prisma.task.findUnique({ where: { id: calls.taskId(call) } }))),
    timerange: async (call) => {
      const { userId, start, end } = calls.week(call);
      const tasks = await prisma.task.findMany({
        where: { userId, startTime: { gte: start, lte: end } },
        orderBy: [{ startTime: "asc" }, { id: "asc" }],
      });
      return tasks.map(toTaskDto);
    },
    statistics: async (call) => {
      const { userId, start, end } = calls.month(call);
      const counts = await prisma.task.groupBy({
        by: ["state"],
        where: { userId, createdAt: { gte: start, lte: end } },
        _count: true,
      });
      return countsToStatistics(
        userId,
        counts.map(({ state, _count }) => ({ state, count: _count })),
      );
    },
    page: () => page(1),
    pageDeep: () => page(calls.lastPage),
    full: async (call) => {
      const { tasks = [], ...goal } = found(
        await prisma.goal.findUnique({
          where: { id: calls.goalId(call) },
          include: {
            milestones: { orderBy: [{ weekNumber: "asc" }, { createdAt: "asc" }, { id: "asc" }] },
            tasks: { orderBy: [{ startTime: "asc" }, { createdAt: "asc" }, { id: "asc" }] },
          },
        }),
      );
      return { ...goal, tasks: tasks.map(toTaskDto) };
    },
    create: async () => toTaskDto(await prisma.task.create({ data: calls.task })),
    update: async (call) => {
      const { id, ...data } = calls.change(call);
      return toTaskDto(await prisma.task.update({ where: { id }, data }));
    },
    bulk: async (call) => {
      const { ids, state } = calls.bulk(call);
      const { count } = await prisma.task.updateMany({ where: { id: { in: ids } }, data: { state } });
      return { updatedCount: count };
    },
    structure8x5: () => createStructure(prisma, calls.smallStructure),
  };
}

function createStructure(prisma: PrismaClient, { dto }: Structure) {
  return prisma.$transaction(async (transaction) => {
    const goal = await transaction.goal.create({ data: dto.goal });
    const milestones = await transaction.milestone.createManyAndReturn({
      data: dto.milestones.map(({ tasks: _, ...milestone }) => ({ ...milestone, goalId: goal.id })),
    });
    const tasks = await transaction.task.createManyAndReturn({
      data: dto.milestones.flatMap(({ tasks: newTasks }, index) => {
        const milestoneId = milestones[index]?.id ?? null;
        return newTasks.map((task) => ({ ...task, userId: goal.userId, goalId: goal.id, milestoneId }));
      }),
    });
    return { ...goal, milestones, tasks: tasks.map(toTaskDto) };
  });
}

/** Prisma names the priority differently than the API. */
function toTaskDto(task: TaskModel) {
  return { ...task, priority: task.priority === "must_not_miss" ? "must-not-miss" : task.priority };
}

function found<Row>(row: Row | null): Row {
  if (row === null) throw new Error("The row does not exist.");
  return row;
}
