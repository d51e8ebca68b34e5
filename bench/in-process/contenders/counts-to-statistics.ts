import type { TaskState } from "@flux/dao-core";
import { toStatistics } from "../../handwritten/answers.ts";

/** Statistics as the API answers them, of one count for each state that there is. */
export function countsToStatistics(userId: string, counts: readonly { state: TaskState; count: number }[]) {
  const byState = { scheduled: 0, drifted: 0, completed: 0, missed: 0 };
  let total = 0;
  for (const { state, count } of counts) {
    byState[state] = count;
    total += count;
  }
  return toStatistics(userId, { total, ...byState });
}
