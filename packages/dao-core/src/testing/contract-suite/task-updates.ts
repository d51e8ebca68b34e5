import assert from "node:assert/strict";
import type { BulkUpdateRequest } from "../../contract/task.ts";
import { makeTaskData } from "../factories.ts";
import { assertInvalid, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, times, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

const MAX_UPDATES = 1000;

/** A different change for each of many tasks. */
export const taskUpdatesCases: readonly ContractCase[] = [
  {
    name: "updateTasks changes each task in its own way, as updateTask does, and returns them in the same order",
    async run(services) {
      const { tasks } = services;
      const { user, goal, milestone } = await createFamily(services);
      const rows = [];
      for (const priority of ["standard", "important", "standard", "must-not-miss"] as const) {
        const times = { startTime: new Date("2026-02-15T10:00:00Z"), endTime: new Date("2026-02-15T11:00:00Z") };
        rows.push(await tasks.createTask(makeTaskData(user.id, goal.id, { priority, calendarEventId: "e", ...times })));
      }
      const [a, b, c, d] = rows;
      assert.ok(a && b && c && d);
      const missing = unknownId();
      const { results } = await tasks.updateTasks({
        updates: [
          { id: d.id.toUpperCase(), title: "Other", startTime: null, endTime: null },
          { id: a.id, state: "missed", isRecurring: true, milestoneId: milestone.id },
          { id: missing, state: "missed" },
          {
            id: b.id,
            calendarEventId: null,
            endTime: new Date("2026-02-15T12:00:00.001Z"),
            triggerType: "on_leaving_home",
          },
          { id: c.id, title: undefined },
        ],
      });
      const expected = [
        { id: d.id, task: { ...d, title: "Other", startTime: null, endTime: null } },
        { id: a.id, task: { ...a, state: "missed", isRecurring: true, milestoneId: milestone.id } },
        { id: missing, task: null },
        {
          id: b.id,
          task: {
            ...b,
            calendarEventId: null,
            endTime: new Date("2026-02-15T12:00:00.001Z"),
            triggerType: "on_leaving_home",
          },
        },
        { id: c.id, task: c },
      ];
      assert.deepEqual(results, expected);
      for (const { id, task } of expected) if (task !== null) assert.deepEqual(await tasks.getTask(id), task);
      const unchanged = { updates: [{ id: c.id }, { id: missing }] };
      assert.deepEqual((await tasks.updateTasks(unchanged)).results, [
        { id: c.id, task: c },
        { id: missing, task: null },
      ]);
    },
  },
  {
    name: `updateTasks takes 1 to ${MAX_UPDATES} updates, one for each task, and names the one that is wrong`,
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const ids = times(MAX_UPDATES, () => unknownId());
      await tasks.createTasks(ids.map((id) => ({ ...makeTaskData(user.id, goal.id), id })));
      const updates = ids.map((id, index) => ({ id, title: `Task ${index}` }));
      const { results } = await tasks.updateTasks({ updates });
      assert.deepEqual(
        results.map(({ id, task }) => ({ id, title: task?.title })),
        updates,
      );
      const [first = { id: "", title: "" }] = updates;
      const refused: readonly (readonly [object, string])[] = [
        [{ updates: [] }, "updates"],
        [{ updates: [...updates, { id: unknownId() }] }, "updates"],
        [{ updates: [first, { ...first, id: first.id.toUpperCase() }] }, "updates.1.id"],
        [{ updates: [first, { id: "mine" }] }, "updates.1.id"],
        [{ updates: [first, { title: "Whose?" }] }, "updates.1.id"],
        [{ updates: [{ id: first.id, title: null }] }, "updates.0.title"],
        [{ updates: [{ id: first.id, startTime: new Date(1), endTime: new Date(0) }] }, "updates.0.endTime"],
        [{ updates: first }, "updates"],
        [{ updates: undefined }, "updates"],
      ];
      for (const [request, path] of refused) {
        await assertInvalid(tasks.updateTasks(untyped<BulkUpdateRequest>({ updates: [] }, request)), path);
      }
    },
  },
  {
    name: "updateTasks changes all or none: for a milestone that is missing, and an end before the row's start",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const one = await tasks.createTask(makeTaskData(user.id, goal.id));
      const times = { startTime: new Date("2026-02-15T10:00:00Z"), endTime: null };
      const two = await tasks.createTask(makeTaskData(user.id, goal.id, times));
      const missing = unknownId();
      const renamed = { id: one.id, title: "Other" };
      const homeless = { updates: [renamed, { id: two.id, milestoneId: missing }] };
      await assertRelatedRowMissing(tasks.updateTasks(homeless), "milestoneId", missing);
      const early = { updates: [renamed, { id: two.id, endTime: new Date("2026-02-15T09:00:00Z") }] };
      await assertInvalid(tasks.updateTasks(early), "updates.1.endTime");
      assert.deepEqual([await tasks.getTask(one.id), await tasks.getTask(two.id)], [one, two]);
    },
  },
  {
    name: "updateTasks of the same tasks in any order never deadlock, and one of them comes last for each task",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const ids = times(60, () => unknownId());
      await tasks.createTasks(ids.map((id) => ({ ...makeTaskData(user.id, goal.id), id })));
      const rounds = times(20, (round) => {
        const updates = ids.map((id) => ({ id, title: `Round ${round}` }));
        return tasks.updateTasks({ updates: round % 2 === 0 ? updates : updates.toReversed() });
      });
      await Promise.all(rounds);
      const titles = (await tasks.listTasks({ userId: user.id })).items.map(({ title }) => title);
      assert.equal(new Set(titles).size, 1);
    },
  },
];
