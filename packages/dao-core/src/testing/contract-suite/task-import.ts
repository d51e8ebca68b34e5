import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import type { TaskImportDto } from "../../contract/task.ts";
import { makeTaskData } from "../factories.ts";
import { assertConflict, assertInvalid, assertRejectsWith, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, type Owner, times, unknownId } from "./sample-rows.ts";

/** More tasks than one batch. */
const MANY = 1_234;

function countOf({ tasks }: DaoServices, { goal }: Owner): Promise<number | null> {
  return tasks.listTasks({ goalId: goal.id, pageSize: 1 }).then(({ total }) => total);
}

/** A source that records whether it was closed. */
function sourceOf(items: Iterable<unknown>, failure?: Error) {
  const state = { isReleased: false };
  async function* read(): AsyncGenerator<TaskImportDto> {
    try {
      // A value that a caller without a type checker could pass.
      for (const item of items) yield item as TaskImportDto;
      if (failure !== undefined) throw failure;
    } finally {
      state.isReleased = true;
    }
  }
  return { state, source: read() };
}

/** Many tasks created at once. */
export const taskImportCases: readonly ContractCase[] = [
  {
    name: "createTasks creates as createTask does, with the same defaults, and takes the ids that are given",
    async run(services) {
      const { tasks } = services;
      const { user, goal, milestone } = await createFamily(services);
      const chosen = unknownId();
      const full = makeTaskData(user.id, goal.id, {
        milestoneId: milestone.id.toUpperCase(),
        title: 'It\'s "quoted", \\escaped\\, 🙂\n\tand {braced, [or] not}',
        startTime: new Date("2026-02-15T10:00:00.123Z"),
        endTime: new Date("2026-02-15T11:00:00.456Z"),
        state: "drifted",
        priority: "must-not-miss",
        triggerType: "on_leaving_home",
        isRecurring: true,
        calendarEventId: "event",
      });
      const bare = { userId: user.id, goalId: goal.id, title: "Bare" };
      const result = await tasks.createTasks([{ ...full, id: chosen.toUpperCase() }, bare]);
      assert.deepEqual(result, { createdCount: 2 });
      const { id, createdAt, ...created } = await tasks.getTask(chosen);
      assert.equal(id, chosen);
      assert.deepEqual(created, { ...full, milestoneId: milestone.id });
      const one = await tasks.createTask(bare);
      const other = (await tasks.listTasks({ goalId: goal.id })).items.find(
        (task) => task.title === "Bare" && task.id !== one.id,
      );
      assert.deepEqual({ ...other, id: "", createdAt }, { ...one, id: "", createdAt });
    },
  },
  {
    name: "createTasks takes lists, iterables and async iterables, of any length",
    async run(services) {
      const owner = await createOwner(services);
      const make = (index: number) => makeTaskData(owner.user.id, owner.goal.id, { title: `Task ${index}` });
      assert.deepEqual(await services.tasks.createTasks([]), { createdCount: 0 });
      assert.deepEqual(await services.tasks.createTasks(new Set(times(3, make))), { createdCount: 3 });
      const { source, state } = sourceOf(times(MANY, make));
      assert.deepEqual(await services.tasks.createTasks(source), { createdCount: MANY });
      assert.ok(state.isReleased);
      assert.equal(await countOf(services, owner), MANY + 3);
    },
  },
  {
    name: "createTasks names the task and the rule that it breaks, wherever it is, and creates none",
    async run(services) {
      const owner = await createOwner(services);
      const good = makeTaskData(owner.user.id, owner.goal.id);
      const broken: readonly (readonly [unknown, string])[] = [
        [{ ...good, title: "" }, "title"],
        [{ ...good, userId: "me" }, "userId"],
        [{ ...good, id: "mine" }, "id"],
        [{ ...good, startTime: new Date(1), endTime: new Date(0) }, "endTime"],
        [{ ...good, title: "\u0000" }, "title"],
      ];
      for (const [task, path] of broken) {
        for (const before of path === "title" ? [0, MANY] : [2]) {
          const { source, state } = sourceOf([...times(before, () => good), task, good]);
          await assertInvalid(services.tasks.createTasks(source), `${before}.${path}`);
          assert.ok(state.isReleased, "the source was let go");
        }
      }
      await assertInvalid(services.tasks.createTasks(sourceOf([good, null]).source), "1");
      const noSources: readonly unknown[] = [null, undefined, 7, {}, "tasks"];
      for (const source of noSources) await assertInvalid(services.tasks.createTasks(source as TaskImportDto[]), "");
      assert.equal(await countOf(services, owner), 0);
    },
  },
  {
    name: "createTasks refuses rows that are missing and ids that are taken, and creates none",
    async run(services) {
      const { tasks } = services;
      const owner = await createOwner(services);
      const good = makeTaskData(owner.user.id, owner.goal.id);
      const { id } = await tasks.createTask(good);
      for (const before of [1, MANY]) {
        const then = (task: TaskImportDto) => tasks.createTasks([...times(before, () => good), task, good]);
        for (const field of ["userId", "goalId", "milestoneId"] as const) {
          const missing = unknownId();
          await assertRelatedRowMissing(then({ ...good, [field]: missing }), field, missing);
        }
        await assertConflict(then({ ...good, id }));
      }
      const twice = unknownId();
      await assertConflict(tasks.createTasks(times(2, () => ({ ...good, id: twice }))));
      assert.equal(await countOf(services, owner), 1);
    },
  },
  {
    name: "an error of the source of createTasks is rethrown, and nothing is created",
    async run(services) {
      const owner = await createOwner(services);
      const failure = new Error("The file ends in the middle.");
      for (const before of [0, 1, MANY]) {
        const items = times(before, () => makeTaskData(owner.user.id, owner.goal.id));
        await assertRejectsWith(services.tasks.createTasks(sourceOf(items, failure).source), failure);
      }
      assert.equal(await countOf(services, owner), 0);
    },
  },
];
