import assert from "node:assert/strict";
import { TASK_STATES, type TaskState } from "../../contract/fields/constants.ts";
import type { DaoServices } from "../../contract/services.ts";
import { makeGoalStructureData, makeTaskData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, nextMillisecond } from "./sample-rows.ts";
import { MAX_INSTANT, MIN_INSTANT } from "./storable-instants.ts";
import { untyped } from "./untyped.ts";

type Counts = Readonly<Record<TaskState, number>>;

const none: Counts = { scheduled: 0, drifted: 0, completed: 0, missed: 0 };
const ever = { startDate: MIN_INSTANT, endDate: MAX_INSTANT };

/** Creates this many tasks in each state for the user. */
async function createTasks({ goals }: DaoServices, userId: string, counts: Partial<Counts>): Promise<void> {
  for (const state of TASK_STATES) {
    const shape = { milestones: 1, tasksPerMilestone: counts[state] ?? 0, task: { state } };
    await goals.createGoalWithStructure(makeGoalStructureData(userId, shape));
  }
}

function rateCase(counts: Partial<Counts>, totalTasks: number, completionRate: number): ContractCase {
  return {
    name: `contract, REST: statistics: ${counts.completed ?? 0} of ${totalTasks} tasks completed is a rate of ${completionRate}`,
    async run(services) {
      const { user } = await createOwner(services);
      await createTasks(services, user.id, counts);
      assert.deepEqual(await services.tasks.getTaskStatistics({ userId: user.id, ...ever }), {
        userId: user.id,
        totalTasks,
        byState: { ...none, ...counts },
        completionRate,
      });
    },
  };
}

/** Counting a user's tasks. */
export const taskStatisticsCases: readonly ContractCase[] = [
  rateCase({}, 0, 0),
  // The guide's own example.
  rateCase({ scheduled: 10, completed: 25, drifted: 5, missed: 2 }, 42, 0.5952),
  rateCase({ scheduled: 1 }, 1, 0),
  rateCase({ completed: 3 }, 3, 1),
  rateCase({ completed: 1, missed: 2 }, 3, 0.3333),
  rateCase({ completed: 2, drifted: 1 }, 3, 0.6667),
  rateCase({ completed: 1, scheduled: 6 }, 7, 0.1429),
  {
    name: "contract, REST: statistics count by when a task was created, both ends included, to the millisecond",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const createLater = async () => {
        await nextMillisecond();
        return (await tasks.createTask(makeTaskData(user.id, goal.id))).createdAt;
      };
      const [first, second, third] = [await createLater(), await createLater(), await createLater()];
      const after = (instant: Date, milliseconds: number) => new Date(instant.getTime() + milliseconds);
      const periods = [
        [first, third, 3],
        [first, second, 2],
        [first, first, 1],
        [third, third, 1],
        [after(first, 1), after(third, -1), 1],
        [after(third, 1), MAX_INSTANT, 0],
        [MIN_INSTANT, after(first, -1), 0],
      ] as const;
      for (const [startDate, endDate, totalTasks] of periods) {
        const statistics = await tasks.getTaskStatistics({ userId: user.id, startDate, endDate });
        assert.equal(statistics.totalTasks, totalTasks, `${startDate.toISOString()} to ${endDate.toISOString()}`);
      }
    },
  },
  {
    name: "contract, REST: statistics are of one user, and follow every change",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const other = await createOwner(services);
      const request = { userId: user.id, ...ever };
      const states = async () => (await tasks.getTaskStatistics(request)).byState;
      await tasks.createTask(makeTaskData(other.user.id, other.goal.id, { state: "missed" }));
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      assert.deepEqual(await states(), { ...none, scheduled: 1 });
      await tasks.updateTask(id, { state: "drifted" });
      assert.deepEqual(await states(), { ...none, drifted: 1 });
      await tasks.bulkUpdateState({ taskIds: [id], newState: "completed" });
      assert.deepEqual(await states(), { ...none, completed: 1 });
      await tasks.deleteTask(id);
      assert.deepEqual(await states(), none);
    },
  },
  {
    name: "contract, REST: statistics refuse a start after its end, missing ends, and unknown parameters",
    async run(services) {
      const { tasks } = services;
      const { user } = await createOwner(services);
      const day = new Date("2026-02-15T00:00:00.000Z");
      const request = { userId: user.id, startDate: day, endDate: day };
      assert.equal((await tasks.getTaskStatistics(request)).totalTasks, 0);
      const backwards = { ...request, startDate: new Date(day.getTime() + 1) };
      await assertInvalid(tasks.getTaskStatistics(backwards), "endDate");
      for (const field of ["userId", "startDate", "endDate"]) {
        await assertInvalid(tasks.getTaskStatistics(untyped(request, { [field]: undefined })), field);
      }
      await assertInvalid(tasks.getTaskStatistics(untyped(request, { goalId: user.id })), "goalId");
    },
  },
];
