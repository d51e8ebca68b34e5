import { createDaoServices, DaoUnitOfWork, type DatabaseSession, openDatabase, type TaskService } from "@flux/dao-core";
import type { Operations } from "../../operations.ts";
import type { Calls } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { summarizeExport } from "../summarize-export.ts";
import { inTransaction } from "./in-transaction.ts";

/** The services, as a program that imports the library calls them. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  return serviceOperations(await openDatabase(url, { poolSize: POOL_SIZE }), calls);
}

/** The same without prepared statements. */
export async function openUnprepared(url: string, calls: Calls): Promise<Operations> {
  return serviceOperations(await openDatabase(url, { poolSize: POOL_SIZE, prepare: false }), calls);
}

/** The same with each operation in a unit of work of its own. */
export async function openUnitOfWork(url: string, calls: Calls): Promise<Operations> {
  const database = await openDatabase(url, { poolSize: POOL_SIZE });
  return inTransaction(serviceOperations(database, calls), (name, call) =>
    DaoUnitOfWork.run<unknown>(database, (uow) => serviceOperations(uow, calls)[name](call)),
  );
}

/** Cursors are opaque, so the cursor of the last page is taken from the page before it. */
async function cursorOfLastPage(tasks: TaskService, lastPage: number): Promise<string> {
  const { nextCursor } = await tasks.listTasks({ page: lastPage - 1, pageSize: 100 });
  if (nextCursor === null) throw new Error("There is no last page.");
  return nextCursor;
}

const cursors = new WeakMap<Calls, string>();

function serviceOperations(session: DatabaseSession, calls: Calls) {
  const { tasks, goals, conversations } = createDaoServices(session);
  return {
    find: (call) => tasks.getTask(calls.taskId(call)),
    timerange: (call) => {
      const { userId, start, end } = calls.week(call);
      return tasks.getTasksByTimerange({ userId, startTime: start, endTime: end });
    },
    statistics: (call) => {
      const { userId, start, end } = calls.month(call);
      return tasks.getTaskStatistics({ userId, startDate: start, endDate: end });
    },
    page: () => tasks.listTasks({ page: 1, pageSize: 100 }),
    pageUncounted: () => tasks.listTasks({ pageSize: 100, count: "none" }),
    pageDeep: () => tasks.listTasks({ page: calls.lastPage, pageSize: 100 }),
    pageCursor: async () => {
      cursors.set(calls, cursors.get(calls) ?? (await cursorOfLastPage(tasks, calls.lastPage)));
      return tasks.listTasks({ pageSize: 100, cursor: cursors.get(calls), count: "none" });
    },
    full: (call) => goals.getGoalFull(calls.goalId(call)),
    create: () => tasks.createTask(calls.task),
    update: (call) => {
      const { id, ...changes } = calls.change(call);
      return tasks.updateTask(id, changes);
    },
    append: (call) => conversations.appendMessages(calls.conversationId(call), { messages: calls.messages(call) }),
    bulk: (call) => {
      const { ids, state } = calls.bulk(call);
      return tasks.bulkUpdateState({ taskIds: ids, newState: state });
    },
    updateMany: (call) => tasks.updateTasks({ updates: [...calls.changes(call)] }),
    structure8x5: () => goals.createGoalWithStructure(calls.smallStructure.dto),
    structure20x50: () => goals.createGoalWithStructure(calls.largeStructure.dto),
    import: () => tasks.createTasks(calls.imported()),
    export: () => summarizeExport(tasks.streamTasks()),
  } as const satisfies Operations;
}
