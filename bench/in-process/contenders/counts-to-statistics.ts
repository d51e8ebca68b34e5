import type { TaskState } from "@flux/dao-core";
import { toStatistics } from "../../handwritten/results.ts";

/** Statistics as the API returns them, from one count for each state that occurs. */
export function countsToStatistics(userId: string, counts: readonly { state: TaskState; count: number }[]) {
  const byState = { scheduled: 0, drifted: 0, completed: 0, missed: 0 };
  let total = 0;
  for (const { state, count } of counts) {
    byState[state] = count;
    total += count;
  }
  return toStatistics(userId, { total, ...byState });
}
