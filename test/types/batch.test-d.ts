import type {
  BatchOperation,
  DaoServices,
  GoalDto,
  GoalWithRelationsDto,
  MilestoneDto,
  Page,
  TaskDto,
} from "@flux/dao-core";
import type { DaoClient } from "@flux/dao-http/client";
import { describe, expectTypeOf, test } from "vitest";

declare const services: DaoServices;
declare const client: DaoClient;
type Deleted = Awaited<ReturnType<DaoServices["tasks"]["deleteTask"]>>;
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

describe("a batch", () => {
  test("has the result of each operation at its position", () => {
    const results = services.batch([
      ["goals.createGoal", { userId: id, title: "Run 10 km" }, { id }],
      ["milestones.createMilestone", { goalId: id, weekNumber: 1, title: "Base" }],
      ["tasks.updateTask", id, { milestoneId: id, state: "completed" }, { ifVersion: ["x"] }],
      ["tasks.bulkUpdateState", { taskIds: [id], newState: "missed" }],
      ["goals.getGoalFull", id],
      ["tasks.listTasks"],
      ["tasks.deleteTask", id],
    ]);
    expectTypeOf(results).resolves.toEqualTypeOf<
      [GoalDto, MilestoneDto, TaskDto, { updatedCount: number }, GoalWithRelationsDto, Page<TaskDto>, Deleted]
    >();
    expectTypeOf(client.batch([["goals.getGoal", id]], { idempotencyKey: "k" })).resolves.toEqualTypeOf<[GoalDto]>();
  });

  test("may be a list that is built at run time", () => {
    const operations: BatchOperation<"goals.createGoal" | "tasks.deleteTask">[] = [["tasks.deleteTask", id]];
    operations.push(["goals.createGoal", { userId: id, title: "t" }]);
    expectTypeOf(services.batch(operations)).resolves.toEqualTypeOf<(GoalDto | Deleted)[]>();
    // @ts-expect-error the arguments of another operation
    operations.push(["tasks.deleteTask", { userId: id, title: "t" }]);
  });

  test("takes no unknown operation, and no import or stream", () => {
    // @ts-expect-error there is no such operation
    services.batch([["goals.makeGoal", { userId: id, title: "t" }]]);
    // @ts-expect-error an import is by itself
    services.batch([["tasks.createTasks", []]]);
    // @ts-expect-error a stream is by itself
    services.batch([["tasks.streamTasks"]]);
  });

  test("takes the arguments of each operation, and no others", () => {
    // @ts-expect-error without a title
    services.batch([["goals.createGoal", { userId: id }]]);
    // @ts-expect-error a misspelled field
    services.batch([["goals.createGoal", { userId: id, title: "t", categroy: "c" }]]);
    // @ts-expect-error the input of another operation
    services.batch([["goals.updateGoal", id, { weekNumber: 1 }]]);
    // @ts-expect-error a version of a row that is new
    services.batch([["goals.createGoal", { userId: id, title: "t" }, { ifVersion: "x" }]]);
    // @ts-expect-error the signal is the batch's
    services.batch([["goals.getGoal", id, { signal: AbortSignal.abort() }]]);
    services.batch([["goals.getGoal", id]], { signal: AbortSignal.abort(), timeout: 5, retries: 2 });
    // @ts-expect-error a service retries by its own count
    client.batch([["goals.getGoal", id]], { retries: 2 });
  });
});
