import { versionOf } from "@flux/dao-core";
import type { DaoClient } from "@flux/dao-http/client";
import { trace } from "@opentelemetry/api";

/** A job whose span is the parent of all its calls: it creates a user and a goal, and renames the goal. */
export function planWeek({ users, goals }: DaoClient, email: string): Promise<void> {
  return trace.getTracer("plan-week").startActiveSpan("plan week", async (span) => {
    try {
      const user = await users.createUser({ name: "Ada", email });
      const goal = await goals.createGoal({ userId: user.id, title: "Run 10 km" });
      // Only if it is unchanged: on the server that is a unit of work of two statements.
      await goals.updateGoal(goal.id, { title: "Run 5 km" }, { ifVersion: versionOf(goal) });
    } finally {
      span.end();
    }
  });
}
