import { createDaoServices, openDatabase, type TaskListRequest } from "@flux/dao-core";
import type { FullDatabase } from "./databases.ts";

/** The result of `count: "estimated"`, compared with the exact one. */
export interface EstimateResult {
  readonly filter: string;
  readonly exact: number;
  readonly estimated: number;
  readonly exactMs: number;
  readonly estimatedMs: number;
}

/** Requests both totals for lists with various filters. */
export async function measureEstimates({ url, samples }: FullDatabase): Promise<EstimateResult[]> {
  await using database = await openDatabase(url, { poolSize: 1, statementTimeout: 300_000 });
  const { tasks } = createDaoServices(database);
  const [parent] = samples.parents;
  if (parent === undefined) throw new RangeError("There are no goals.");
  const { userId, goalId } = parent;
  const filters: Readonly<Record<string, TaskListRequest>> = {
    none: {},
    user: { userId },
    goal: { goalId },
    "user, state": { userId, state: "missed" },
    state: { state: "missed" },
    priority: { priority: "important" },
    recurring: { isRecurring: true },
    "state, priority": { state: "missed", priority: "important" },
    "state, priority, which depend on each other": { state: "completed", priority: "must-not-miss" },
    "state, priority, which no task has together": { state: "drifted", priority: "must-not-miss" },
    "a trigger type that no task has": { triggerType: "on_leaving_home" },
  };
  const results: EstimateResult[] = [];
  for (const [filter, request] of Object.entries(filters)) {
    const total = async (count: "exact" | "estimated") => {
      const start = performance.now();
      const { total } = await tasks.listTasks({ ...request, pageSize: 1, count });
      return { total: total ?? Number.NaN, ms: performance.now() - start };
    };
    // The first call of each prepares its statement.
    await total("estimated");
    const estimated = await total("estimated");
    const exact = await total("exact");
    results.push({
      filter,
      exact: exact.total,
      estimated: estimated.total,
      exactMs: exact.ms,
      estimatedMs: estimated.ms,
    });
  }
  return results;
}
