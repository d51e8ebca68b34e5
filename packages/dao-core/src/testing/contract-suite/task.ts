import assert from "node:assert/strict";
import { makeMilestoneData, makeTaskData } from "../factories.ts";
import { assertInvalid, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

const start = new Date("2026-02-15T10:00:00.123Z");
const end = new Date("2026-02-15T11:30:00.456Z");

const enumValues = {
  state: ["scheduled", "drifted", "completed", "missed"],
  priority: ["standard", "important", "must-not-miss"],
  triggerType: ["time", "on_leaving_home"],
} as const;

/** Rules of tasks only; those of their times are in task-times.ts. */
export const taskCases: readonly ContractCase[] = [
  {
    name: "contract, Data: a task has its fields and no others, and is read as it was created",
    async run(services) {
      const { tasks, milestones } = services;
      const { user, goal } = await createOwner(services);
      const milestone = await milestones.createMilestone(makeMilestoneData(goal.id));
      const input = {
        userId: user.id,
        goalId: goal.id,
        milestoneId: milestone.id,
        title: "Run 5 km",
        startTime: start,
        endTime: end,
        state: "drifted",
        priority: "must-not-miss",
        triggerType: "on_leaving_home",
        isRecurring: true,
        calendarEventId: "google-event-1",
      } as const;
      const task = await tasks.createTask(input);
      const { id, createdAt } = task;
      assert.ok(createdAt instanceof Date);
      assert.deepEqual(task, { id, ...input, createdAt });
      assert.deepEqual(await tasks.getTask(id), task);
      assert.deepEqual((await tasks.listTasks({ goalId: goal.id })).items, [task]);
      assert.deepEqual(await tasks.getTasksByTimerange({ userId: user.id, startTime: start, endTime: start }), [task]);
    },
  },
  {
    name: "contract, Data: a task's defaults: scheduled, standard, time, not recurring, all else null",
    async run(services) {
      const { user, goal } = await createOwner(services);
      const input = { userId: user.id, goalId: goal.id, title: "Run" };
      const task = await services.tasks.createTask(input);
      assert.deepEqual(task, {
        id: task.id,
        ...input,
        milestoneId: null,
        startTime: null,
        endTime: null,
        state: "scheduled",
        priority: "standard",
        triggerType: "time",
        isRecurring: false,
        calendarEventId: null,
        createdAt: task.createdAt,
      });
    },
  },
  {
    name: "guide, Task Endpoints: a task takes every state, priority and trigger type, and no other",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      for (const [field, values] of Object.entries(enumValues)) {
        for (const value of values) {
          const created = await tasks.createTask(untyped(makeTaskData(user.id, goal.id), { [field]: value }));
          assert.equal(Reflect.get(created, field), value);
          assert.equal(Reflect.get(await tasks.updateTask(id, untyped({}, { [field]: value })), field), value);
        }
        const before = await tasks.getTask(id);
        for (const wrong of ["", "SCHEDULED", " time", "none", "must_not_miss", null, 0, true, [values[0]], {}]) {
          const input = untyped(makeTaskData(user.id, goal.id), { [field]: wrong });
          await assertInvalid(tasks.createTask(input), field);
          await assertInvalid(tasks.updateTask(id, untyped({}, { [field]: wrong })), field);
        }
        assert.deepEqual(await tasks.getTask(id), before);
      }
    },
  },
  {
    name: "contract, Errors: a task's user, goal or milestone that does not exist is related_row_missing",
    async run(services) {
      const { tasks } = services;
      const { user, goal, milestone, looseTask } = await createFamily(services);
      const id = unknownId();
      await assertRelatedRowMissing(tasks.createTask(makeTaskData(id, goal.id)), "userId", id);
      await assertRelatedRowMissing(tasks.createTask(makeTaskData(user.id, id)), "goalId", id);
      const stray = makeTaskData(user.id, goal.id, { milestoneId: id });
      await assertRelatedRowMissing(tasks.createTask(stray), "milestoneId", id);
      await assertRelatedRowMissing(tasks.updateTask(looseTask.id, { milestoneId: id }), "milestoneId", id);
      assert.deepEqual(await tasks.getTask(looseTask.id), looseTask);
      assert.equal((await tasks.listTasks({ goalId: goal.id })).total, 2);
      const moved = await tasks.updateTask(looseTask.id, { milestoneId: milestone.id });
      assert.deepEqual(moved, { ...looseTask, milestoneId: milestone.id });
    },
  },
  {
    name: "contract, Data: a task's user, goal and title are required, and its fields are not coerced",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const task = await tasks.createTask(makeTaskData(user.id, goal.id));
      const empty = { userId: undefined, goalId: undefined, title: undefined };
      await assertInvalid(tasks.createTask(untyped(makeTaskData("", ""), empty)), "userId", "goalId", "title");
      const wrongs: Record<string, readonly unknown[]> = {
        title: [null, 5, true, [], {}],
        isRecurring: [null, 0, 1, "true", "false", "", []],
        calendarEventId: [5, true, [], {}, ""],
        milestoneId: [5, true, [], {}, ""],
      };
      for (const [field, values] of Object.entries(wrongs)) {
        for (const value of values) {
          await assertInvalid(tasks.createTask(untyped(makeTaskData(user.id, goal.id), { [field]: value })), field);
          await assertInvalid(tasks.updateTask(task.id, untyped({}, { [field]: value })), field);
        }
      }
      for (const field of ["userId", "goalId"]) {
        await assertInvalid(tasks.createTask(untyped(makeTaskData(user.id, goal.id), { [field]: null })), field);
      }
      assert.deepEqual(await tasks.getTask(task.id), task);
    },
  },
  {
    name: "contract, REST: an update of a task keeps what is absent, null clears, and {} returns the row unchanged",
    async run(services) {
      const { tasks } = services;
      const { milestone, milestoneTask: task } = await createFamily(services);
      const absent = {
        milestoneId: undefined,
        title: undefined,
        startTime: undefined,
        endTime: undefined,
        state: undefined,
        priority: undefined,
        triggerType: undefined,
        isRecurring: undefined,
        calendarEventId: undefined,
      };
      assert.deepEqual(await tasks.updateTask(task.id, {}), task);
      assert.deepEqual(await tasks.updateTask(task.id, absent), task);
      let expected = task;
      const changes = [
        { title: "Other" },
        { startTime: start },
        { endTime: end },
        { state: "completed" },
        { priority: "important" },
        { triggerType: "on_leaving_home" },
        { isRecurring: true },
        { calendarEventId: "event-1" },
        { milestoneId: null },
        { startTime: null },
        { endTime: null },
        { calendarEventId: null },
        { milestoneId: milestone.id, title: "Another", startTime: start, endTime: start },
      ] as const;
      for (const change of changes) {
        expected = { ...expected, ...change };
        assert.deepEqual(await tasks.updateTask(task.id, { ...absent, ...change }), expected);
        assert.deepEqual(await tasks.getTask(task.id), expected);
      }
    },
  },
  {
    name: "contract, REST: fields that a task does not have are ignored; a task stays with its user and its goal",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const other = await createOwner(services);
      const input = untyped(makeTaskData(user.id, goal.id), { colour: "red", createdAt: new Date(0) });
      const task = await tasks.createTask(input);
      assert.ok(task.createdAt >= user.createdAt);
      const unknown = { id: unknownId(), userId: other.user.id, goalId: other.goal.id, createdAt: new Date(0) };
      assert.deepEqual(await tasks.updateTask(task.id, untyped({}, unknown)), task);
    },
  },
  {
    name: "guide, Scheduler: a calendar event is linked to a task, replaced, and unlinked by null",
    async run(services) {
      const { tasks } = services;
      const { looseTask: task, milestoneTask } = await createFamily(services);
      for (const calendarEventId of ["google-event-1", "google-event-2", null, null, "google-event-1"]) {
        const expected = { ...task, calendarEventId };
        assert.deepEqual(await tasks.linkCalendarEvent(task.id, { calendarEventId }), expected);
        assert.deepEqual(await tasks.getTask(task.id), expected);
      }
      // Several tasks may share an event.
      await tasks.linkCalendarEvent(milestoneTask.id, { calendarEventId: "google-event-1" });
      for (const wrong of [undefined, "", 5, true, [], {}]) {
        const link = untyped({ calendarEventId: "event" }, { calendarEventId: wrong });
        await assertInvalid(tasks.linkCalendarEvent(task.id, link), "calendarEventId");
      }
      const extra = untyped({ calendarEventId: null }, { title: "Other", state: "missed" });
      assert.deepEqual(await tasks.linkCalendarEvent(task.id, extra), task);
    },
  },
];
