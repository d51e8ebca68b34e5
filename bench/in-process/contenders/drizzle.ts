import type { Operations } from "../../operations.ts";
import type { Calls } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { DrizzleQueries } from "./drizzle-queries.ts";

/** Drizzle as in its docs, on postgres.js. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const queries = new DrizzleQueries(url, POOL_SIZE);
  return {
    find: (call) => queries.find(calls.taskId(call)),
    timerange: (call) => {
      const { userId, start, end } = calls.week(call);
      return queries.byTimerange(userId, start, end);
    },
    statistics: (call) => {
      const { userId, start, end } = calls.month(call);
      return queries.statistics(userId, start, end);
    },
    page: () => queries.page(1, 100),
    pageDeep: () => queries.page(calls.lastPage, 100),
    full: (call) => queries.full(calls.goalId(call)),
    create: () => queries.create(calls.task),
    update: (call) => {
      const { id, ...changes } = calls.change(call);
      return queries.update(id, changes);
    },
    bulk: (call) => {
      const { ids, state } = calls.bulk(call);
      return queries.bulkUpdateState(ids, state);
    },
    structure8x5: () => queries.createStructure(calls.smallStructure.dto),
  };
}
