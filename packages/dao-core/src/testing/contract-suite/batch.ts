import assert from "node:assert/strict";
import type { DaoErrorCode } from "../../contract/errors.ts";
import type { BatchOperation, DaoServices } from "../../contract/services.ts";
import { versionOf } from "../../contract/version.ts";
import { makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "../factories.ts";
import { assertInvalid, assertNotFound, assertRefused, assertRejectsWith } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, idsOf, type Owner, times, unknownId } from "./sample-rows.ts";

/** Asserts that the batch fails as its operation of this number does, and that nothing of it was written. */
async function assertUndone(
  services: DaoServices,
  { user }: Owner,
  operations: BatchOperation[],
  code: DaoErrorCode,
  number: number,
) {
  const before = await services.goals.listGoals({ userId: user.id });
  const error = await assertRefused(services.batch(operations), code);
  assert.equal(error.operation, number, error.message);
  assert.deepEqual(await services.goals.listGoals({ userId: user.id }), before);
  return error;
}

/** An operation that fails, with the code of its error; another creates the goal before it. */
const failures: Readonly<Record<string, (owner: Owner, newGoalId: string) => readonly [BatchOperation, DaoErrorCode]>> =
  {
    "of a row that does not exist": () => [["tasks.updateTask", unknownId(), { title: "Other" }], "not_found"],
    "that deletes a row that does not exist": () => [["goals.deleteGoal", unknownId()], "not_found"],
    "whose unique value is taken": ({ user }) => [
      ["users.createUser", makeUserData({ email: user.email })],
      "conflict",
    ],
    "whose id is taken by an operation before it": ({ user }, id) => [
      ["goals.createGoal", makeGoalData(user.id), { id }],
      "conflict",
    ],
    "that names a row that does not exist": () => [
      ["milestones.createMilestone", makeMilestoneData(unknownId())],
      "related_row_missing",
    ],
    "for a version that the row does not have": ({ goal }) => [
      ["goals.updateGoal", goal.id, { title: "Other" }, { ifVersion: "other" }],
      "version_mismatch",
    ],
    "whose input breaks a rule": (_, goalId) => [
      ["milestones.createMilestone", { goalId, weekNumber: 0, title: "" }],
      "validation_failed",
    ],
  };

const failureCases: ContractCase[] = Object.entries(failures).map(([name, failing]) => ({
  name: `batch: an operation ${name} undoes all of them, and its error has its number`,
  async run(services) {
    const owner = await createOwner(services);
    const id = unknownId();
    const [operation, code] = failing(owner, id);
    const creation: BatchOperation = ["goals.createGoal", makeGoalData(owner.user.id), { id }];
    await assertUndone(services, owner, [creation, operation, ["goals.getGoal", owner.goal.id]], code, 1);
    await assertNotFound(services.goals.getGoal(id));
  },
}));

/** Several operations as one unit of work. */
export const batchCases: readonly ContractCase[] = [
  {
    name: "batch: later operations name the rows of earlier ones and read what they wrote; results are by position",
    async run(services) {
      const [userId, goalId, milestoneId, taskId] = [unknownId(), unknownId(), unknownId(), unknownId()];
      const startTime = new Date("2026-02-15T10:00:00.123Z");
      const preferences = { snake_case: { camelCase: [1.5, null] }, startTime: "2026-02-15T10:00:00Z" };
      const [user, goal, milestone, task, full, updated, found, deleted, rest] = await services.batch([
        ["users.createUser", makeUserData({ preferences }), { id: userId }],
        ["goals.createGoal", makeGoalData(userId), { id: goalId.toUpperCase() }],
        ["milestones.createMilestone", makeMilestoneData(goalId), { id: milestoneId }],
        ["tasks.createTask", makeTaskData(userId, goalId, { startTime, endTime: null }), { id: taskId }],
        ["goals.getGoalFull", goalId],
        ["tasks.updateTask", taskId, { milestoneId }],
        ["tasks.listTasks", { milestoneId }],
        ["tasks.deleteTask", taskId],
        ["tasks.getTasksByTimerange", { userId, startTime, endTime: startTime }],
      ]);
      assert.deepEqual(idsOf([user, goal, milestone, task]), [userId, goalId, milestoneId, taskId]);
      assert.deepEqual(user.preferences, preferences);
      assert.deepEqual(task.startTime, startTime);
      assert.deepEqual(full, { ...goal, milestones: [milestone], tasks: [task] });
      assert.deepEqual(updated, { ...task, milestoneId });
      assert.deepEqual([found.items, found.total], [[updated], 1]);
      assert.deepEqual([deleted, rest], [undefined, []]);
      assert.deepEqual(await services.goals.getGoalFull(goalId), { ...full, tasks: [] });
    },
  },
  ...failureCases,
  {
    name: "batch: of several operations that fail, the first is reported",
    async run(services) {
      const owner = await createOwner(services);
      const creation: BatchOperation = ["goals.createGoal", makeGoalData(owner.user.id)];
      const missing: BatchOperation = ["tasks.updateTask", unknownId(), { title: "Other" }];
      const taken: BatchOperation = ["users.createUser", makeUserData({ email: owner.user.email })];
      const invalid: BatchOperation = ["goals.createGoal", { userId: owner.user.id, title: "" }];
      await assertUndone(services, owner, [creation, missing, taken, invalid], "not_found", 1);
      await assertUndone(services, owner, [creation, creation, taken, missing, invalid, creation], "conflict", 2);
      await assertUndone(services, owner, [invalid, taken, missing], "validation_failed", 0);
    },
  },
  {
    name: "batch: the number of the operation comes first in the path of each issue, and of a field",
    async run(services) {
      const owner = await createOwner(services);
      const { user, goal } = owner;
      const milestone: BatchOperation = ["milestones.createMilestone", { goalId: goal.id, weekNumber: 0, title: "" }];
      await assertInvalid(services.batch([["goals.getGoal", goal.id], milestone]), "1.weekNumber", "1.title");
      await assertInvalid(services.batch([["goals.getGoal", "1"]]), "0.id");
      await assertInvalid(services.batch([["goals.createGoal", makeGoalData(user.id), { id: "1" }]]), "0.id");
      const keyed: object = { idempotencyKey: "key" };
      await assertInvalid(services.batch([["goals.createGoal", makeGoalData(user.id), keyed]]), "0.idempotencyKey");
      const structure = { goal: { userId: user.id, title: "" } };
      await assertInvalid(services.batch([["goals.createGoalWithStructure", structure]]), "0.goal.title");
      const id = unknownId();
      const missing: BatchOperation = ["goals.createGoal", makeGoalData(id)];
      const error = await assertUndone(services, owner, [missing], "related_row_missing", 0);
      assert.deepEqual([Reflect.get(error, "field"), Reflect.get(error, "id")], ["userId", id]);
    },
  },
  {
    name: "batch: of 100 operations the 57th fails, and none takes effect; without it all do",
    async run(services) {
      const owner = await createOwner(services);
      const creations = times(99, (): BatchOperation => ["goals.createGoal", makeGoalData(owner.user.id)]);
      const failing: BatchOperation = ["goals.getGoal", unknownId()];
      await assertUndone(services, owner, creations.toSpliced(56, 0, failing), "not_found", 56);
      const created = await services.batch([...creations, ["goals.getGoal", owner.goal.id]]);
      assert.equal(created.length, 100);
      assert.equal((await services.goals.listGoals({ userId: owner.user.id })).total, 100);
    },
  },
  {
    name: "batch: has 1 to 100 operations, each with a name and its arguments, and no import or stream",
    async run(services) {
      const { user } = await createOwner(services);
      const batch = (operations: unknown): Promise<unknown> => Reflect.apply(services.batch, services, [operations]);
      const get = ["users.getUser", user.id];
      for (const operations of [[], times(101, () => get), undefined, null, "users", {}]) {
        await assertInvalid(batch(operations), "operations");
      }
      for (const operation of [undefined, null, "users.getUser", {}, [], [1]]) {
        await assertInvalid(batch([get, operation]), "1");
      }
      await assertInvalid(batch(Object.assign(new Array(2), [get])), "1");
      const others = [
        "users.nothing",
        "users.find",
        "users.toString",
        "users.session",
        "users.entity",
        "__proto__.toString",
        "batch",
        "batch.call",
        "users",
      ];
      for (const name of ["tasks.createTasks", "tasks.streamTasks", ...others])
        await assertInvalid(batch([[name, []]]), "0");
    },
  },
  {
    name: "batch: a version is compared with the row as the operations before have left it",
    async run(services) {
      const { goal } = await createOwner(services);
      const ifVersion = versionOf(goal);
      const [changed] = await services.batch([
        ["goals.updateGoal", goal.id, { title: "Other" }, { ifVersion }],
        ["goals.updateGoal", goal.id, { status: "done" }, { ifVersion: "*" }],
      ]);
      assert.equal(changed.title, "Other");
      const current = await services.goals.getGoal(goal.id);
      assert.deepEqual(current, { ...goal, title: "Other", status: "done" });
      const twice: BatchOperation[] = times(2, (index) => {
        return ["goals.updateGoal", goal.id, { title: `${index}` }, { ifVersion: [versionOf(current)] }];
      });
      assert.equal((await assertRefused(services.batch(twice), "version_mismatch")).operation, 1);
      assert.deepEqual(await services.goals.getGoal(goal.id), current);
    },
  },
  {
    name: "CallOptions: a batch with a signal that is aborted already rejects with its reason, and writes nothing",
    async run(services) {
      const { user } = await createOwner(services);
      const reason = new Error("the caller has gone");
      const operations: BatchOperation[] = [["goals.createGoal", makeGoalData(user.id)]];
      await assertRejectsWith(services.batch(operations, { signal: AbortSignal.abort(reason) }), reason);
      await assertInvalid(services.batch(operations, { timeout: 0 }), "timeout");
      assert.equal((await services.goals.listGoals({ userId: user.id })).total, 1);
    },
  },
];
