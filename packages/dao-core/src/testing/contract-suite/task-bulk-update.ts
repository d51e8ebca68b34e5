import assert from "node:assert/strict";
import type { BulkUpdateStateRequest } from "../../contract/task.ts";
import { makeGoalStructureData, makeTaskData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, idsOf, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

const MAX_BULK_TASKS = 1000;

/** One new state for many tasks. */
export const taskBulkUpdateCases: readonly ContractCase[] = [
  {
    name: "contract, REST: bulk update sets the state of the named tasks, of whichever user, and changes nothing else",
    async run(services) {
      const { tasks } = services;
      const [one, two] = [await createOwner(services), await createOwner(services)];
      const first = await tasks.createTask(makeTaskData(one.user.id, one.goal.id, { calendarEventId: "event" }));
      const second = await tasks.createTask(makeTaskData(two.user.id, two.goal.id));
      const bystander = await tasks.createTask(makeTaskData(one.user.id, one.goal.id));
      for (const newState of ["drifted", "completed", "missed", "scheduled"] as const) {
        const result = await tasks.bulkUpdateState({ taskIds: [first.id, second.id], newState });
        assert.deepEqual(result, { updatedCount: 2 });
        assert.deepEqual(await tasks.getTask(first.id), { ...first, state: newState });
        assert.deepEqual(await tasks.getTask(second.id), { ...second, state: newState });
      }
      assert.deepEqual(await tasks.getTask(bystander.id), bystander);
    },
  },
  {
    name: "contract, REST: bulk update counts duplicates once, ignores ids that do not exist, counts what has the state",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      const taskIds = [id, unknownId(), id, id.toUpperCase(), unknownId()];
      assert.deepEqual(await tasks.bulkUpdateState({ taskIds, newState: "drifted" }), { updatedCount: 1 });
      assert.deepEqual(await tasks.bulkUpdateState({ taskIds, newState: "drifted" }), { updatedCount: 1 });
      assert.equal((await tasks.getTask(id)).state, "drifted");
      const strangers: BulkUpdateStateRequest = { taskIds: [unknownId(), unknownId()], newState: "missed" };
      assert.deepEqual(await tasks.bulkUpdateState(strangers), { updatedCount: 0 });
    },
  },
  {
    name: `contract, REST: bulk update takes 1 to ${MAX_BULK_TASKS} ids`,
    async run(services) {
      const { tasks, goals } = services;
      const { user } = await createOwner(services);
      const shape = { milestones: 10, tasksPerMilestone: MAX_BULK_TASKS / 10 };
      const structure = await goals.createGoalWithStructure(makeGoalStructureData(user.id, shape));
      const taskIds = idsOf(structure.tasks);
      assert.equal(taskIds.length, MAX_BULK_TASKS);
      const all = await tasks.bulkUpdateState({ taskIds, newState: "completed" });
      assert.deepEqual(all, { updatedCount: MAX_BULK_TASKS });
      await assertInvalid(tasks.bulkUpdateState({ taskIds: [], newState: "missed" }), "taskIds");
      const tooMany = [...taskIds, unknownId()];
      await assertInvalid(tasks.bulkUpdateState({ taskIds: tooMany, newState: "missed" }), "taskIds");
      assert.equal((await tasks.listTasks({ userId: user.id, state: "completed" })).total, MAX_BULK_TASKS);
    },
  },
  {
    name: "contract, Errors: bulk update refuses a bad id or state as a whole, and writes nothing",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const task = await tasks.createTask(makeTaskData(user.id, goal.id));
      const valid: BulkUpdateStateRequest = { taskIds: [task.id], newState: "missed" };
      const refused: readonly (readonly [object, string])[] = [
        [{ taskIds: [task.id, "no uuid"] }, "taskIds.1"],
        [{ taskIds: [task.id, null] }, "taskIds.1"],
        [{ taskIds: [7] }, "taskIds.0"],
        [{ taskIds: task.id }, "taskIds"],
        [{ taskIds: null }, "taskIds"],
        [{ taskIds: undefined }, "taskIds"],
        [{ newState: "done" }, "newState"],
        [{ newState: null }, "newState"],
        [{ newState: undefined }, "newState"],
      ];
      for (const [wrong, path] of refused) {
        await assertInvalid(tasks.bulkUpdateState(untyped(valid, wrong)), path);
      }
      assert.deepEqual(await tasks.getTask(task.id), task);
    },
  },
];
