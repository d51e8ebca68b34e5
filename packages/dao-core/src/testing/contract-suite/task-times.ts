import assert from "node:assert/strict";
import { makeGoalData, makeGoalStructureData, makeTaskData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, idsOf } from "./sample-rows.ts";
import { MAX_INSTANT, MIN_INSTANT } from "./storable-instants.ts";
import { untyped } from "./untyped.ts";

const at = (time: string) => new Date(`2026-02-15T${time}Z`);
const millisecond = 1;
const shifted = (instant: Date, by: number) => new Date(instant.getTime() + by);

const endCases: ContractCase[] = [
  {
    name: "contract, Data: a task ends at its start or later; either may be missing",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      for (const [startTime, endTime] of [
        [at("10:00:00.000"), at("10:00:00.000")],
        [at("10:00:00.000"), at("10:00:00.001")],
        [null, at("10:00:00.000")],
        [at("10:00:00.000"), null],
        [null, null],
      ] as const) {
        const task = await tasks.createTask(makeTaskData(user.id, goal.id, { startTime, endTime }));
        assert.deepEqual([task.startTime, task.endTime], [startTime, endTime]);
      }
      const backwards = { startTime: at("10:00:00.001"), endTime: at("10:00:00.000") };
      await assertInvalid(tasks.createTask(makeTaskData(user.id, goal.id, backwards)), "endTime");
      assert.equal((await tasks.listTasks({ goalId: goal.id })).total, 5);
    },
  },
  {
    name: "contract, REST: PATCH: end_time ≥ start_time holds for the row that results, whichever is sent",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const times = { startTime: at("10:00:00.000"), endTime: at("11:00:00.000") };
      const task = await tasks.createTask(makeTaskData(user.id, goal.id, times));
      const refused = [
        { endTime: at("09:59:59.999") },
        { startTime: at("11:00:00.001") },
        { endTime: at("09:00:00.000"), title: "Other" },
        { startTime: at("12:00:00.000"), state: "completed" },
        { startTime: at("08:00:00.001"), endTime: at("08:00:00.000") },
        { startTime: at("11:30:00.000"), endTime: undefined },
      ] as const;
      for (const changes of refused) {
        await assertInvalid(tasks.updateTask(task.id, changes), "endTime");
        assert.deepEqual(await tasks.getTask(task.id), task);
      }
      let expected = task;
      const accepted = [
        { endTime: at("10:00:00.000") },
        { startTime: at("12:00:00.000"), endTime: at("13:00:00.000") },
        { startTime: at("07:00:00.000"), endTime: at("08:00:00.000") },
        { startTime: at("08:00:00.000") },
        { startTime: null },
        { endTime: at("06:00:00.000") },
        { startTime: at("06:00:00.000") },
        { endTime: null },
        { startTime: at("23:00:00.000") },
        { title: "Other" },
      ];
      for (const changes of accepted) {
        expected = { ...expected, ...changes };
        assert.deepEqual(await tasks.updateTask(task.id, changes), expected);
      }
    },
  },
];

const timerangeCases: ContractCase[] = [
  {
    name: "contract, REST: by-timerange includes both ends, to the millisecond, and looks at the start alone",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const [startTime, endTime] = [at("10:00:00.000"), at("12:00:00.000")];
      const inside = [startTime, shifted(startTime, millisecond), at("11:00:00.000"), endTime];
      const outside = [shifted(startTime, -millisecond), shifted(endTime, millisecond)];
      const found: string[] = [];
      for (const start of inside) {
        const task = makeTaskData(user.id, goal.id, { startTime: start, endTime: at("23:00:00.000") });
        found.push((await tasks.createTask(task)).id);
      }
      for (const start of outside) await tasks.createTask(makeTaskData(user.id, goal.id, { startTime: start }));
      // Without a start it is in no range, whatever its end.
      await tasks.createTask(makeTaskData(user.id, goal.id, { endTime: at("11:00:00.000") }));
      await tasks.createTask(makeTaskData(user.id, goal.id));
      const range = { userId: user.id, startTime, endTime };
      assert.deepEqual(idsOf(await tasks.getTasksByTimerange(range)), found);
      const moment = { userId: user.id, startTime: endTime, endTime };
      assert.deepEqual(idsOf(await tasks.getTasksByTimerange(moment)), found.slice(-1));
      const ever = { userId: user.id, startTime: MIN_INSTANT, endTime: MAX_INSTANT };
      assert.equal((await tasks.getTasksByTimerange(ever)).length, inside.length + outside.length);
      const before = { userId: user.id, startTime: MIN_INSTANT, endTime: at("09:00:00.000") };
      assert.deepEqual(await tasks.getTasksByTimerange(before), []);
    },
  },
  {
    name: "contract, REST: by-timerange orders by start time, then id, over all goals of the user",
    async run(services) {
      const { tasks, goals } = services;
      const { user, goal } = await createOwner(services);
      const otherGoal = await goals.createGoal(makeGoalData(user.id));
      const hours = ["12", "10", "11", "10", "12", "10", "09"];
      for (const [index, hour] of hours.entries()) {
        const goalId = index % 2 === 0 ? goal.id : otherGoal.id;
        await tasks.createTask(makeTaskData(user.id, goalId, { startTime: at(`${hour}:00:00.000`) }));
      }
      const range = { userId: user.id, startTime: at("00:00:00.000"), endTime: at("23:00:00.000") };
      const found = await tasks.getTasksByTimerange(range);
      const keys = found.map((task) => `${task.startTime?.toISOString()} ${task.id}`);
      assert.equal(keys.length, hours.length);
      assert.deepEqual(keys, [...keys].sort());
    },
  },
  {
    name: "contract, REST: by-timerange returns the tasks of one user, more than a page of them, as whole DTOs",
    async run(services) {
      const { tasks, goals } = services;
      const { user } = await createOwner(services);
      const other = await createOwner(services);
      const shape = { milestones: 1, tasksPerMilestone: 150, task: { startTime: at("10:00:00.000") } };
      const structure = await goals.createGoalWithStructure(makeGoalStructureData(user.id, shape));
      await goals.createGoalWithStructure(makeGoalStructureData(other.user.id, shape));
      const range = { userId: user.id, startTime: at("10:00:00.000"), endTime: at("10:00:00.000") };
      const found = await tasks.getTasksByTimerange(range);
      const expected = structure.tasks.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      assert.deepEqual(found, expected);
    },
  },
  {
    name: "contract, REST: by-timerange refuses a start after its end, missing ends, and unknown parameters",
    async run(services) {
      const { tasks } = services;
      const { user } = await createOwner(services);
      const range = { userId: user.id, startTime: at("10:00:00.000"), endTime: at("10:00:00.000") };
      assert.deepEqual(await tasks.getTasksByTimerange(range), []);
      const backwards = { ...range, startTime: shifted(range.endTime, millisecond) };
      await assertInvalid(tasks.getTasksByTimerange(backwards), "endTime");
      for (const field of ["userId", "startTime", "endTime"]) {
        await assertInvalid(tasks.getTasksByTimerange(untyped(range, { [field]: undefined })), field);
      }
      await assertInvalid(tasks.getTasksByTimerange(untyped(range, { state: "missed" })), "state");
      await assertInvalid(tasks.getTasksByTimerange(untyped(range, { startTime: new Date(Number.NaN) })), "startTime");
      await assertInvalid(tasks.getTasksByTimerange(untyped(range, { endTime: "2026-02-15T10:00:00" })), "endTime");
    },
  },
];

/** The times of tasks, and searching by them. */
export const taskTimeCases: readonly ContractCase[] = [...endCases, ...timerangeCases];
