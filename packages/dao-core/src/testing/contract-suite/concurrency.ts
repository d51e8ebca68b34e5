import assert from "node:assert/strict";
import { isDaoError } from "../../contract/errors.ts";
import {
  makeDemoFlagsData,
  makeGoalData,
  makeGoalStructureData,
  makeMilestoneData,
  makeTaskData,
  makeUserData,
} from "../factories.ts";
import { assertNotFound } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, idsOf, times } from "./sample-rows.ts";

/** Runs all calls at once. Returns `ok` or the error's code for each. */
async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((outcome) => {
    if (outcome.status === "fulfilled") return "ok";
    return isDaoError(outcome.reason) ? outcome.reason.code : `not a DaoError: ${String(outcome.reason)}`;
  });
}

/** Calls that run at the same time. */
export const concurrencyCases: readonly ContractCase[] = [
  {
    name: "contract, Errors: of 20 racing creates of one e-mail address one succeeds, and 19 are a conflict",
    async run({ users }) {
      const { email } = makeUserData();
      const outcomes = await outcomesOf(times(20, () => users.createUser(makeUserData({ email }))));
      assert.deepEqual(outcomes.toSorted(), [...times(19, () => "conflict"), "ok"]);
      assert.equal((await users.listUsers({ email })).total, 1);
    },
  },
  {
    name: "contract, Errors: of 20 users racing to take one e-mail address one succeeds, and 19 are a conflict",
    async run({ users }) {
      const { email } = makeUserData();
      const racers = await Promise.all(times(20, () => users.createUser(makeUserData())));
      const outcomes = await outcomesOf(racers.map(({ id }) => users.updateUser(id, { email })));
      assert.deepEqual(outcomes.toSorted(), [...times(19, () => "conflict"), "ok"]);
    },
  },
  {
    name: "contract, Under concurrency: 100 racing first puts of demo flags all succeed, and one of them stays",
    async run(services) {
      const { demoFlags } = services;
      const { user } = await createOwner(services);
      const puts = times(100, (index) =>
        demoFlags.putDemoFlags(user.id, makeDemoFlagsData({ escalationSpeed: index })),
      );
      const results = await Promise.all(puts);
      assert.deepEqual(
        results.map(({ escalationSpeed }) => escalationSpeed),
        times(100, (index) => index),
      );
      const last = await demoFlags.getDemoFlags(user.id);
      assert.deepEqual(results[last.escalationSpeed], last);
    },
  },
  {
    name: "contract, Under concurrency: a task created while its goal is deleted is created or related_row_missing",
    async run(services) {
      const { users, goals, milestones, tasks } = services;
      const user = await users.createUser(makeUserData());
      for (let round = 0; round < 10; round++) {
        const goal = await goals.createGoal(makeGoalData(user.id));
        const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
        const create = (milestoneId: string | null) =>
          tasks.createTask(makeTaskData(user.id, goal.id, { milestoneId }));
        const [before, deletion, ...after] = await outcomesOf([
          create(milestone.id),
          goals.deleteGoal(goal.id),
          create(null),
          create(milestone.id),
          create(null),
        ]);
        assert.equal(deletion, "ok");
        for (const outcome of [before, ...after]) {
          assert.ok(outcome === "ok" || outcome === "related_row_missing", outcome);
        }
        assert.equal((await tasks.listTasks({ goalId: goal.id })).total, 0);
      }
    },
  },
  {
    name: "contract, Under concurrency: of 10 racing deletes of one goal one succeeds, and 9 are not_found",
    async run(services) {
      const { goals } = services;
      const { goal } = await createOwner(services);
      const outcomes = await outcomesOf(times(10, () => goals.deleteGoal(goal.id)));
      assert.deepEqual(outcomes.toSorted(), [...times(9, () => "not_found"), "ok"]);
      await assertNotFound(goals.getGoal(goal.id));
    },
  },
  {
    name: "contract, Under concurrency: bulk updates of the same tasks in opposite orders never deadlock",
    async run(services) {
      const { goals, tasks } = services;
      const { user } = await createOwner(services);
      const shape = { milestones: 1, tasksPerMilestone: 100 };
      const taskIds = idsOf((await goals.createGoalWithStructure(makeGoalStructureData(user.id, shape))).tasks);
      const states = ["drifted", "completed"] as const;
      const results = await Promise.all(
        times(20, (index) =>
          tasks.bulkUpdateState({
            taskIds: index % 2 === 0 ? taskIds : taskIds.toReversed(),
            newState: states[index % 2] ?? "missed",
          }),
        ),
      );
      assert.deepEqual(
        results,
        times(20, () => ({ updatedCount: 100 })),
      );
      const statistics = states.map((state) => tasks.listTasks({ userId: user.id, state }));
      const totals = (await Promise.all(statistics)).map(({ total }) => total ?? -1);
      assert.deepEqual(
        totals.toSorted((a, b) => a - b),
        [0, 100],
        "one of them came last, for all tasks",
      );
    },
  },
  {
    name: "contract, Under concurrency: a read that follows a write sees it",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      await Promise.all(
        times(20, async (index) => {
          const task = await tasks.createTask(makeTaskData(user.id, goal.id));
          assert.deepEqual(await tasks.getTask(task.id), task);
          const updated = await tasks.updateTask(task.id, { title: `Task ${index}` });
          assert.deepEqual(await tasks.getTask(task.id), updated);
          await tasks.deleteTask(task.id);
          await assertNotFound(tasks.getTask(task.id));
        }),
      );
      assert.equal((await tasks.listTasks({ userId: user.id })).total, 0);
    },
  },
];
