import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import { assertNotFound } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, type Family, survivors } from "./sample-rows.ts";

interface Deletion {
  readonly name: string;
  delete(services: DaoServices, family: Family): Promise<void>;
  /** The rows of the family that remain. */
  readonly left: readonly string[];
}

const deletions: readonly Deletion[] = [
  {
    name: "a user takes goals, milestones, tasks, conversations and demo flags along",
    delete: ({ users }, { user }) => users.deleteUser(user.id),
    left: [],
  },
  {
    name: "a goal takes milestones, tasks and conversations along, and leaves user and demo flags",
    delete: ({ goals }, { goal }) => goals.deleteGoal(goal.id.toUpperCase()),
    left: ["user", "demoFlags"],
  },
  {
    name: "a milestone takes its tasks along, and leaves the goal's other tasks",
    delete: ({ milestones }, { milestone }) => milestones.deleteMilestone(milestone.id),
    left: ["user", "goal", "looseTask", "conversation", "demoFlags"],
  },
  {
    name: "a task takes nothing along",
    delete: ({ tasks }, { milestoneTask }) => tasks.deleteTask(milestoneTask.id),
    left: ["user", "goal", "milestone", "looseTask", "conversation", "demoFlags"],
  },
];

const everything = ["user", "goal", "milestone", "milestoneTask", "looseTask", "conversation", "demoFlags"];

/** Deletion, and its cascades. */
export const deleteCases: readonly ContractCase[] = deletions.map(({ name, left, delete: remove }) => ({
  name: `contract, Data: deleting ${name}; a second delete is not_found`,
  async run(services) {
    const family = await createFamily(services);
    const bystanders = await createFamily(services);
    assert.deepEqual(await survivors(services, family), everything);
    assert.equal(await remove(services, family), undefined);
    assert.deepEqual(await survivors(services, family), left);
    assert.deepEqual(await survivors(services, bystanders), everything);
    await assertNotFound(remove(services, family));
    const tasks = await services.tasks.listTasks({ userId: family.user.id });
    assert.equal(tasks.total, left.filter((member) => member.endsWith("Task")).length);
  },
}));
