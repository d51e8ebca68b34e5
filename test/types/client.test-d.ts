import type { CallOptions, DaoServices, GoalDto, PutOptions, WriteOptions } from "@flux/dao-core";
import type { createDaoClient, DaoClient } from "@flux/dao-http/client";
import { describe, expectTypeOf, test } from "vitest";

declare const client: DaoClient;

describe("the client", () => {
  test("implements the services", () => {
    expectTypeOf<ReturnType<typeof createDaoClient>>().toEqualTypeOf<DaoClient>();
    expectTypeOf<DaoClient>().toExtend<DaoServices>();
    expectTypeOf(client.goals.createGoal).returns.resolves.toEqualTypeOf<GoalDto>();
  });

  test("accepts an idempotency key for POST, and nowhere else", () => {
    type OptionsOf<Method> = Method extends (...args: infer Args) => unknown
      ? Required<Args> extends readonly [...unknown[], infer Options]
        ? Options
        : never
      : never;
    type KeyOf<Method> = "idempotencyKey" extends keyof OptionsOf<Method> ? true : false;
    expectTypeOf<KeyOf<DaoClient["users"]["createUser"]>>().toEqualTypeOf<true>();
    expectTypeOf<KeyOf<DaoClient["goals"]["createGoalWithStructure"]>>().toEqualTypeOf<true>();
    expectTypeOf<KeyOf<DaoClient["tasks"]["bulkUpdateState"]>>().toEqualTypeOf<true>();
    expectTypeOf<KeyOf<DaoClient["conversations"]["appendMessages"]>>().toEqualTypeOf<true>();
    expectTypeOf<OptionsOf<DaoClient["users"]["updateUser"]>>().toEqualTypeOf<WriteOptions>();
    expectTypeOf<OptionsOf<DaoClient["demoFlags"]["putDemoFlags"]>>().toEqualTypeOf<PutOptions>();
    expectTypeOf<OptionsOf<DaoClient["users"]["getUser"]>>().toEqualTypeOf<CallOptions>();
  });

  test("accepts no client-supplied id for a new row", () => {
    const goal = { userId: "", title: "" };
    client.goals.createGoal(goal, { idempotencyKey: "k", timeout: 5 });
    // @ts-expect-error the service generates the id
    client.goals.createGoal(goal, { id: "" });
  });
});
