import assert from "node:assert/strict";
import type { CallOptions } from "../../contract/call-options.ts";
import type { DaoServices } from "../../contract/services.ts";
import {
  makeConversationData,
  makeGoalData,
  makeGoalStructureData,
  makeMilestoneData,
  makeTaskData,
  makeUserData,
} from "../factories.ts";
import { assertRejectsWith } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, type Family, survivors } from "./sample-rows.ts";

const day = new Date("2026-02-15T00:00:00.000Z");

type Call = (services: DaoServices, family: Family, options: CallOptions) => Promise<unknown>;

/** Every operation, with its optional last argument. */
const calls: Readonly<Record<string, Call>> = {
  listUsers: ({ users }, _, options) => users.listUsers({}, options),
  getUser: ({ users }, { user }, options) => users.getUser(user.id, options),
  createUser: ({ users }, _, options) => users.createUser(makeUserData(), options),
  updateUser: ({ users }, { user }, options) => users.updateUser(user.id, { name: "Other" }, options),
  deleteUser: ({ users }, { user }, options) => users.deleteUser(user.id, options),
  listGoals: ({ goals }, _, options) => goals.listGoals({}, options),
  getGoal: ({ goals }, { goal }, options) => goals.getGoal(goal.id, options),
  getGoalFull: ({ goals }, { goal }, options) => goals.getGoalFull(goal.id, options),
  createGoal: ({ goals }, { user }, options) => goals.createGoal(makeGoalData(user.id), options),
  createGoalWithStructure: ({ goals }, { user }, options) =>
    goals.createGoalWithStructure(makeGoalStructureData(user.id), options),
  updateGoal: ({ goals }, { goal }, options) => goals.updateGoal(goal.id, { title: "Other" }, options),
  deleteGoal: ({ goals }, { goal }, options) => goals.deleteGoal(goal.id, options),
  listMilestones: ({ milestones }, _, options) => milestones.listMilestones({}, options),
  getMilestone: ({ milestones }, { milestone }, options) => milestones.getMilestone(milestone.id, options),
  createMilestone: ({ milestones }, { goal }, options) =>
    milestones.createMilestone(makeMilestoneData(goal.id), options),
  updateMilestone: ({ milestones }, { milestone }, options) =>
    milestones.updateMilestone(milestone.id, { title: "Other" }, options),
  deleteMilestone: ({ milestones }, { milestone }, options) => milestones.deleteMilestone(milestone.id, options),
  listTasks: ({ tasks }, _, options) => tasks.listTasks({}, options),
  getTask: ({ tasks }, { looseTask }, options) => tasks.getTask(looseTask.id, options),
  createTask: ({ tasks }, { user, goal }, options) => tasks.createTask(makeTaskData(user.id, goal.id), options),
  updateTask: ({ tasks }, { looseTask }, options) => tasks.updateTask(looseTask.id, { title: "Other" }, options),
  deleteTask: ({ tasks }, { looseTask }, options) => tasks.deleteTask(looseTask.id, options),
  getTasksByTimerange: ({ tasks }, { user }, options) =>
    tasks.getTasksByTimerange({ userId: user.id, startTime: day, endTime: day }, options),
  createTasks: ({ tasks }, { user, goal }, options) => tasks.createTasks([makeTaskData(user.id, goal.id)], options),
  streamTasks: async ({ tasks }, { user }, options) => {
    for await (const task of tasks.streamTasks({ userId: user.id }, options)) return task;
    return undefined;
  },
  updateTasks: ({ tasks }, { looseTask }, options) =>
    tasks.updateTasks({ updates: [{ id: looseTask.id, title: "Other" }] }, options),
  bulkUpdateState: ({ tasks }, { looseTask }, options) =>
    tasks.bulkUpdateState({ taskIds: [looseTask.id], newState: "missed" }, options),
  linkCalendarEvent: ({ tasks }, { looseTask }, options) =>
    tasks.linkCalendarEvent(looseTask.id, { calendarEventId: "event" }, options),
  getTaskStatistics: ({ tasks }, { user }, options) =>
    tasks.getTaskStatistics({ userId: user.id, startDate: day, endDate: day }, options),
  listConversations: ({ conversations }, _, options) => conversations.listConversations({}, options),
  getConversation: ({ conversations }, { conversation }, options) =>
    conversations.getConversation(conversation.id, options),
  createConversation: ({ conversations }, { user, goal }, options) =>
    conversations.createConversation(makeConversationData(user.id, goal.id), options),
  updateConversation: ({ conversations }, { conversation }, options) =>
    conversations.updateConversation(conversation.id, { status: "closed" }, options),
  appendMessages: ({ conversations }, { conversation }, options) =>
    conversations.appendMessages(conversation.id, { messages: ["more"] }, options),
  getDemoFlags: ({ demoFlags }, { user }, options) => demoFlags.getDemoFlags(user.id, options),
  putDemoFlags: ({ demoFlags }, { user }, options) => demoFlags.putDemoFlags(user.id, {}, options),
};

/** Reads everything that the family's user has, to see whether anything was written. */
async function snapshot({ users, goals, tasks, conversations, demoFlags }: DaoServices, { user, goal }: Family) {
  const userId = user.id;
  return {
    user: await users.getUser(userId),
    goals: await goals.listGoals({ userId }),
    full: await goals.getGoalFull(goal.id),
    tasks: await tasks.listTasks({ userId }),
    conversations: await conversations.listConversations({ userId }),
    flags: await demoFlags.getDemoFlags(userId),
  };
}

const abortedCases: ContractCase[] = Object.entries(calls).map(([name, call]) => ({
  name: `CallOptions: ${name} with a signal that is aborted already rejects with its reason, and writes nothing`,
  async run(services) {
    const family = await createFamily(services);
    const before = await snapshot(services, family);
    const signal = AbortSignal.abort();
    assert.equal(signal.reason.name, "AbortError");
    await assertRejectsWith(call(services, family, { signal }), signal.reason);
    const reason = new Error("the caller has gone");
    await assertRejectsWith(call(services, family, { signal: AbortSignal.abort(reason) }), reason);
    assert.deepEqual(await snapshot(services, family), before);
  },
}));

const otherCases: ContractCase[] = [
  {
    name: "CallOptions: a signal that is not aborted changes nothing, and may be aborted after the call",
    async run(services) {
      const family = await createFamily(services);
      const controller = new AbortController();
      for (const [name, call] of Object.entries(calls)) {
        if (!name.startsWith("delete")) await call(services, family, { signal: controller.signal });
      }
      for (const name of ["deleteTask", "deleteMilestone", "deleteGoal", "deleteUser"]) {
        await calls[name]?.(services, family, { signal: controller.signal });
      }
      controller.abort();
      assert.deepEqual(await survivors(services, family), []);
      for (const call of [calls["listUsers"], calls["listTasks"]])
        await call?.(services, family, { signal: undefined });
    },
  },
  {
    name: "CallOptions: a signal aborted during a call either lets it finish or rejects it with its reason",
    async run(services) {
      const { user } = await createFamily(services);
      const structure = makeGoalStructureData(user.id, { milestones: 10, tasksPerMilestone: 20 });
      for (const delay of [0, 1, 3, 10]) {
        const { category } = makeGoalData(user.id, { category: crypto.randomUUID() });
        const controller = new AbortController();
        const input = { ...structure, goal: { ...structure.goal, category } };
        const creation = services.goals.createGoalWithStructure(input, { signal: controller.signal });
        const outcome = creation.then(
          () => undefined,
          (error: unknown) => error,
        );
        await new Promise((resolve) => setTimeout(resolve, delay));
        controller.abort();
        const error = await outcome;
        const created = await services.goals.listGoals({ userId: user.id, category: category ?? "" });
        if (error === undefined) assert.equal(created.total, 1);
        else assert.equal(error, controller.signal.reason);
      }
    },
  },
  {
    name: "CallOptions: a stream whose signal aborts in its loop returns no other row, and rejects with the reason",
    async run(services) {
      const { user } = await createFamily(services);
      for (const title of ["a", "b"]) await services.goals.createGoal({ userId: user.id, title });
      const controller = new AbortController();
      const reason = new Error("enough");
      const titles: string[] = [];
      const loop = async () => {
        for await (const { title } of services.goals.streamGoals({ userId: user.id }, { signal: controller.signal })) {
          titles.push(title);
          controller.abort(reason);
        }
      };
      await assertRejectsWith(loop(), reason);
      assert.equal(titles.length, 1);
    },
  },
];

/** The signal that aborts a call. */
export const signalCases: readonly ContractCase[] = [...abortedCases, ...otherCases];
