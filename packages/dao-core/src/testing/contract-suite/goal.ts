import assert from "node:assert/strict";
import { makeGoalData, makeUserData } from "../factories.ts";
import { assertInvalid, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** Rules of goals only. */
export const goalCases: readonly ContractCase[] = [
  {
    name: "contract, Data: a goal has its fields and no others, and is read as it was created",
    async run({ users, goals }) {
      const user = await users.createUser(makeUserData());
      const input = makeGoalData(user.id, { status: "paused" });
      const goal = await goals.createGoal(input);
      const { id, createdAt } = goal;
      assert.ok(createdAt instanceof Date);
      assert.deepEqual(goal, { id, ...input, createdAt });
      assert.deepEqual(await goals.getGoal(id), goal);
      assert.deepEqual((await goals.listGoals({ userId: user.id })).items, [goal]);
      assert.deepEqual(await goals.getGoalFull(id), { ...goal, milestones: [], tasks: [] });
    },
  },
  {
    name: "contract, Data: a goal's category and timeline default to null and its status to active",
    async run({ users, goals }) {
      const user = await users.createUser(makeUserData());
      const { category, timeline, status } = await goals.createGoal({ userId: user.id, title: "Run" });
      assert.deepEqual({ category, timeline, status }, { category: null, timeline: null, status: "active" });
    },
  },
  {
    name: "contract, Errors: a goal of a user who does not exist is related_row_missing",
    async run({ goals }) {
      const userId = unknownId();
      await assertRelatedRowMissing(goals.createGoal(makeGoalData(userId)), "userId", userId);
      assert.equal((await goals.listGoals({ userId })).total, 0);
    },
  },
  {
    name: "contract, Data: a goal's user and title are required, and its fields are not coerced from other types",
    async run(services) {
      const { goals } = services;
      const { user, goal } = await createOwner(services);
      await assertInvalid(goals.createGoal(untyped(makeGoalData(user.id), { userId: undefined })), "userId");
      await assertInvalid(goals.createGoal(untyped(makeGoalData(user.id), { title: undefined })), "title");
      const wrongs: Record<string, readonly unknown[]> = {
        title: [null, 5, true, [], {}],
        category: [5, true, [], {}],
        timeline: [8, true, [], {}],
        status: [null, 5, true, [], {}],
      };
      for (const [field, values] of Object.entries(wrongs)) {
        for (const value of values) {
          await assertInvalid(goals.createGoal(untyped(makeGoalData(user.id), { [field]: value })), field);
          await assertInvalid(goals.updateGoal(goal.id, untyped({}, { [field]: value })), field);
        }
      }
      await assertInvalid(goals.createGoal(untyped(makeGoalData(user.id), { userId: null })), "userId");
      assert.deepEqual(await goals.getGoal(goal.id), goal);
    },
  },
  {
    name: "contract, REST: an update of a goal keeps what is absent, null clears, and {} returns the row unchanged",
    async run(services) {
      const { goals } = services;
      const { goal } = await createOwner(services);
      const absent = { title: undefined, category: undefined, timeline: undefined, status: undefined };
      assert.deepEqual(await goals.updateGoal(goal.id, {}), goal);
      assert.deepEqual(await goals.updateGoal(goal.id, absent), goal);
      let expected = goal;
      const changes = [
        { title: "Other" },
        { category: null },
        { timeline: null },
        { status: "done" },
        { category: "health" },
        { timeline: "2 weeks", title: "Another" },
      ];
      for (const change of changes) {
        expected = { ...expected, ...change };
        assert.deepEqual(await goals.updateGoal(goal.id, { ...absent, ...change }), expected);
        assert.deepEqual(await goals.getGoal(goal.id), expected);
      }
    },
  },
  {
    name: "contract, REST: fields that a goal does not have are ignored; a goal stays with its user",
    async run(services) {
      const { goals } = services;
      const { goal } = await createOwner(services);
      const other = await createOwner(services);
      const unknown = { id: other.goal.id, userId: other.user.id, createdAt: new Date(0), colour: "red" };
      assert.deepEqual(await goals.updateGoal(goal.id, untyped({}, unknown)), goal);
      assert.deepEqual(await goals.getGoal(other.goal.id), other.goal);
    },
  },
];
