import { versionOf } from "@flux/dao-core";
import type { DaoClient } from "@flux/dao-http/client";
import { trace } from "@opentelemetry/api";

/** A job with a span of its own, below which all that it calls is found: a user, a goal, and another title for it. */
export function planWeek({ users, goals }: DaoClient, email: string): Promise<void> {
  return trace.getTracer("plan-week").startActiveSpan("plan week", async (span) => {
    try {
      const user = await users.createUser({ name: "Ada", email });
      const goal = await goals.createGoal({ userId: user.id, title: "Run 10 km" });
      // Only if it is as it was read: on the server that is a unit of work of two statements.
      await goals.updateGoal(goal.id, { title: "Run 5 km" }, { ifVersion: versionOf(goal) });
    } finally {
      span.end();
    }
  });
}
