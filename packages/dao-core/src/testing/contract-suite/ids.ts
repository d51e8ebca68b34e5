import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import {
  makeConversationData,
  makeGoalData,
  makeGoalStructureData,
  makeMilestoneData,
  makeTaskData,
} from "../factories.ts";
import { assertInvalid, assertNotFound, assertRefused } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, type Family, idsOf, unknownId } from "./sample-rows.ts";

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Unused ids with all kinds of version and variant bits, even some that RFC 9562 does not define. */
function unknownIdsOfEveryVersion(): string[] {
  const ids = Array.from("0123456789abcdef", (version, index) => {
    const variant = "89ab01234567cdef"[index] ?? "8";
    return unknownId().replace(/-.(...)-.(...)-/, `-${version}$1-${variant}$2-`);
  });
  return [...ids, unknownId().toUpperCase()];
}

const malformedIds: readonly string[] = [
  "1",
  "not-a-uuid",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e0",
  "0198c5f07a3e7cc18f5a2f1d3b4c5d6e",
  "{0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e}",
  "urn:uuid:0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  " 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e\n",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6g",
  "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e/full",
  "../users",
  "?page=1",
  "' OR 1=1 --",
  "%00",
];

/** Every call that names a row by its id, except `putDemoFlags`, which creates the row. */
const callsById: Readonly<Record<string, (services: DaoServices, id: string) => Promise<unknown>>> = {
  getUser: ({ users }, id) => users.getUser(id),
  updateUser: ({ users }, id) => users.updateUser(id, { name: "Other" }),
  "updateUser without a change": ({ users }, id) => users.updateUser(id, {}),
  deleteUser: ({ users }, id) => users.deleteUser(id),
  getGoal: ({ goals }, id) => goals.getGoal(id),
  getGoalFull: ({ goals }, id) => goals.getGoalFull(id),
  updateGoal: ({ goals }, id) => goals.updateGoal(id, { title: "Other" }),
  "updateGoal without a change": ({ goals }, id) => goals.updateGoal(id, {}),
  deleteGoal: ({ goals }, id) => goals.deleteGoal(id),
  getMilestone: ({ milestones }, id) => milestones.getMilestone(id),
  updateMilestone: ({ milestones }, id) => milestones.updateMilestone(id, { title: "Other" }),
  "updateMilestone without a change": ({ milestones }, id) => milestones.updateMilestone(id, {}),
  deleteMilestone: ({ milestones }, id) => milestones.deleteMilestone(id),
  getTask: ({ tasks }, id) => tasks.getTask(id),
  updateTask: ({ tasks }, id) => tasks.updateTask(id, { title: "Other" }),
  "updateTask without a change": ({ tasks }, id) => tasks.updateTask(id, {}),
  deleteTask: ({ tasks }, id) => tasks.deleteTask(id),
  linkCalendarEvent: ({ tasks }, id) => tasks.linkCalendarEvent(id, { calendarEventId: "event" }),
  "linkCalendarEvent to unlink": ({ tasks }, id) => tasks.linkCalendarEvent(id, { calendarEventId: null }),
  getConversation: ({ conversations }, id) => conversations.getConversation(id),
  updateConversation: ({ conversations }, id) => conversations.updateConversation(id, { status: "closed" }),
  "updateConversation without a change": ({ conversations }, id) => conversations.updateConversation(id, {}),
  getDemoFlags: ({ demoFlags }, id) => demoFlags.getDemoFlags(id),
};

const missingRowCases: ContractCase[] = Object.entries(callsById).map(([name, call]) => ({
  name: `contract, Errors: ${name} of a row that does not exist is not_found, whatever the version of its id`,
  async run(services) {
    for (const id of unknownIdsOfEveryVersion()) await assertNotFound(call(services, id));
  },
}));

const malformedIdCases: ContractCase[] = Object.entries(callsById).map(([name, call]) => ({
  name: `contract, Errors: ${name} refuses anything but a UUID`,
  async run(services) {
    for (const id of malformedIds) await assertRefused(call(services, id), "validation_failed");
  },
}));

/** Calls that return the row with this id, so that the spelling of the id can be compared. */
function readsOf({ user, goal, milestone, milestoneTask, conversation }: Family) {
  return [
    [user, callsById["getUser"], callsById["updateUser without a change"]],
    [goal, callsById["getGoal"], callsById["updateGoal without a change"]],
    [milestone, callsById["getMilestone"], callsById["updateMilestone without a change"]],
    [milestoneTask, callsById["getTask"], callsById["updateTask without a change"]],
    [conversation, callsById["getConversation"], callsById["updateConversation without a change"]],
  ] as const;
}

const spellingCases: ContractCase[] = [
  {
    name: "contract, Data: ids are UUIDv7 in lower case, and no two rows share one",
    async run(services) {
      const { user, goal, milestone, milestoneTask, looseTask, conversation } = await createFamily(services);
      const ids = idsOf([user, goal, milestone, milestoneTask, looseTask, conversation]);
      for (const id of ids) assert.match(id, uuidV7);
      assert.equal(new Set(ids).size, ids.length);
      const structure = await services.goals.createGoalWithStructure(makeGoalStructureData(user.id));
      const structureIds = idsOf([structure, ...structure.milestones, ...structure.tasks]);
      for (const id of structureIds) assert.match(id, uuidV7);
      assert.equal(new Set(structureIds).size, structureIds.length);
    },
  },
  {
    name: "contract, Data: an id may be sent in upper case; results are in lower case",
    async run(services) {
      const family = await createFamily(services);
      const { user, goal, milestone, milestoneTask } = family;
      for (const [row, ...reads] of readsOf(family)) {
        for (const read of reads) assert.deepEqual(await read?.(services, row.id.toUpperCase()), row);
      }
      const [userId, goalId, milestoneId, taskId] = idsOf([user, goal, milestone, milestoneTask]).map((id) =>
        id.toUpperCase(),
      );
      assert.ok(userId && goalId && milestoneId && taskId);
      const full = await services.goals.getGoalFull(goalId);
      assert.equal(full.id, goal.id);
      const flags = await services.demoFlags.putDemoFlags(userId, { userId });
      assert.equal(flags.userId, user.id);
      assert.deepEqual(await services.demoFlags.getDemoFlags(userId), flags);
      const linked = await services.tasks.linkCalendarEvent(taskId, { calendarEventId: "event" });
      assert.equal(linked.id, milestoneTask.id);
      const moved = await services.tasks.updateTask(taskId, { milestoneId });
      assert.equal(moved.milestoneId, milestone.id);
    },
  },
  {
    name: "contract, Data: foreign keys may be sent in upper case; results are in lower case",
    async run(services) {
      const { user, goal, milestone } = await createFamily(services);
      const userId = user.id.toUpperCase();
      const goalId = goal.id.toUpperCase();
      const milestoneId = milestone.id.toUpperCase();
      assert.equal((await services.goals.createGoal(makeGoalData(userId))).userId, user.id);
      assert.equal((await services.milestones.createMilestone(makeMilestoneData(goalId))).goalId, goal.id);
      const task = await services.tasks.createTask(makeTaskData(userId, goalId, { milestoneId }));
      assert.deepEqual([task.userId, task.goalId, task.milestoneId], [user.id, goal.id, milestone.id]);
      const conversation = await services.conversations.createConversation(makeConversationData(userId, goalId));
      assert.deepEqual([conversation.userId, conversation.goalId], [user.id, goal.id]);
      const structure = await services.goals.createGoalWithStructure(makeGoalStructureData(userId));
      assert.equal(structure.userId, user.id);
      for (const { userId } of structure.tasks) assert.equal(userId, user.id);
    },
  },
  {
    name: "contract, Data: filters, time ranges, statistics and bulk updates take ids in upper case",
    async run({ goals, tasks, ...services }) {
      const { user, goal, milestone, milestoneTask } = await createFamily({ goals, tasks, ...services });
      const userId = user.id.toUpperCase();
      assert.deepEqual((await goals.listGoals({ userId })).items, [goal]);
      const filter = { userId, goalId: goal.id.toUpperCase(), milestoneId: milestone.id.toUpperCase() };
      assert.deepEqual((await tasks.listTasks(filter)).items, [milestoneTask]);
      const day = { startTime: new Date("2026-03-01T00:00:00Z"), endTime: new Date("2026-03-02T00:00:00Z") };
      await tasks.updateTask(milestoneTask.id, { startTime: day.startTime });
      assert.deepEqual(idsOf(await tasks.getTasksByTimerange({ userId, ...day })), [milestoneTask.id]);
      const period = { startDate: user.createdAt, endDate: new Date(Date.now() + 3_600_000) };
      const statistics = await tasks.getTaskStatistics({ userId, ...period });
      assert.deepEqual([statistics.userId, statistics.totalTasks], [user.id, 2]);
      const taskIds = [milestoneTask.id.toUpperCase(), milestoneTask.id];
      assert.deepEqual(await tasks.bulkUpdateState({ taskIds, newState: "missed" }), { updatedCount: 1 });
    },
  },
];

const malformedForeignKey: ContractCase = {
  name: "contract, Errors: a foreign key or a filter that is not a UUID is refused, and named",
  async run(services) {
    const { goals, milestones, tasks, conversations, demoFlags } = services;
    const { user, goal } = await createOwner(services);
    for (const bad of ["", ...malformedIds]) {
      await assertInvalid(goals.createGoal(makeGoalData(bad)), "userId");
      await assertInvalid(goals.createGoalWithStructure(makeGoalStructureData(bad)), "goal.userId");
      await assertInvalid(milestones.createMilestone(makeMilestoneData(bad)), "goalId");
      const task = { userId: bad, goalId: bad, milestoneId: bad, title: "Run" };
      await assertInvalid(tasks.createTask(task), "userId", "goalId", "milestoneId");
      await assertInvalid(conversations.createConversation({ userId: bad, goalId: bad }), "userId", "goalId");
      await assertInvalid(goals.listGoals({ userId: bad }), "userId");
      await assertInvalid(tasks.listTasks({ milestoneId: bad }), "milestoneId");
      await assertInvalid(tasks.bulkUpdateState({ taskIds: [goal.id, bad], newState: "missed" }), "taskIds.1");
      await assertInvalid(tasks.bulkUpdateState({ taskIds: new Array(1), newState: "missed" }), "taskIds.0");
      await assertInvalid(demoFlags.putDemoFlags(user.id, { userId: bad }), "userId");
      await assertRefused(demoFlags.putDemoFlags(bad === "" ? "x" : bad, {}), "validation_failed");
    }
  },
};

/** The form of ids, which ids are accepted, and the errors for a missing row or a malformed id. */
export const idCases: readonly ContractCase[] = [
  ...spellingCases,
  ...missingRowCases,
  ...malformedIdCases,
  malformedForeignKey,
];
