import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import type { BulkUpdateRequest, TaskDto, TaskFilter, TaskImportDto } from "../../contract/task.ts";
import { makeTaskData } from "../factories.ts";
import { assertConflict, assertInvalid, assertRejectsWith, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createFamily, createOwner, idsOf, type Owner, times, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** More than are written, or read, at a time. */
const MANY = 1_234;

const MAX_UPDATES = 1000;

async function streamed(services: DaoServices, filter?: TaskFilter): Promise<TaskDto[]> {
  const rows: TaskDto[] = [];
  for await (const task of services.tasks.streamTasks(filter)) rows.push(task);
  return rows;
}

function countOf({ tasks }: DaoServices, { goal }: Owner): Promise<number | null> {
  return tasks.listTasks({ goalId: goal.id, pageSize: 1 }).then(({ total }) => total);
}

/** A source that says whether it was let go. */
function sourceOf(items: Iterable<unknown>, failure?: Error) {
  const state = { isReleased: false };
  async function* read(): AsyncGenerator<TaskImportDto> {
    try {
      // What a caller without a type checker could send.
      for (const item of items) yield item as TaskImportDto;
      if (failure !== undefined) throw failure;
    } finally {
      state.isReleased = true;
    }
  }
  return { state, source: read() };
}

const importCases: readonly ContractCase[] = [
  {
    name: "issue 4: createTasks creates as createTask does, with the same defaults, and takes the ids that are given",
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
    name: "issue 4: createTasks takes lists, iterables and async iterables, of any length",
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
    name: "issue 4: createTasks names the task and the rule that it breaks, wherever it is, and creates none",
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
    name: "issue 4: createTasks refuses rows that are missing and ids that are taken, and creates none",
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
    name: "issue 4: an error of the source of createTasks is thrown on, and nothing is created",
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

const streamCases: readonly ContractCase[] = [
  {
    name: "issue 4: streamTasks shows every task of a filter once, newest first, as the list does",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      assert.deepEqual(await streamed(services, { userId: user.id }), []);
      await tasks.createTasks(times(MANY, () => makeTaskData(user.id, goal.id)));
      const missed = await tasks.createTask(makeTaskData(user.id, goal.id, { state: "missed" }));
      const rows = await streamed(services, { userId: user.id });
      assert.equal(new Set(idsOf(rows)).size, MANY + 1);
      const { total } = await tasks.listTasks({ goalId: goal.id, count: "estimated" });
      assert.ok(total !== null && total > 1_000, "of more than are counted there is an estimate");
      assert.deepEqual(rows.slice(0, 100), (await tasks.listTasks({ userId: user.id })).items);
      assert.deepEqual(rows.slice(-45), (await tasks.listTasks({ userId: user.id, skip: 1190 })).items);
      assert.deepEqual(await streamed(services, { goalId: goal.id, state: "missed" }), [missed]);
    },
  },
  {
    name: "issue 4: a loop over streamTasks may be left, and may write what it reads",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      await tasks.createTasks(times(MANY, () => makeTaskData(user.id, goal.id)));
      let read = 0;
      for await (const { id } of tasks.streamTasks({ userId: user.id })) {
        await tasks.updateTask(id, { state: "completed" });
        if (++read === 3) break;
      }
      assert.equal((await tasks.listTasks({ userId: user.id, state: "completed" })).total, 3);
      const failure = new Error("The loop's own.");
      const failing = async () => {
        for await (const _ of tasks.streamTasks({ userId: user.id })) throw failure;
      };
      await assertRejectsWith(failing(), failure);
    },
  },
  {
    name: "issue 4: streamTasks refuses filters that a list does, and paging",
    async run(services) {
      const refused: readonly (readonly [object, string])[] = [
        [{ userId: "me" }, "userId"],
        [{ state: "done" }, "state"],
        [{ colour: "red" }, "colour"],
        [{ page: 1 }, "page"],
        [{ cursor: "c" }, "cursor"],
      ];
      for (const [filter, path] of refused) await assertInvalid(streamed(services, untyped({}, filter)), path);
    },
  },
];

const updateCases: readonly ContractCase[] = [
  {
    name: "issue 4: updateTasks changes each task in its own way, as updateTask does, and answers in the same order",
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
    name: `issue 4: updateTasks takes 1 to ${MAX_UPDATES} updates, one for each task, and names the one that is wrong`,
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
    name: "issue 4: updateTasks changes all or none: for a milestone that is missing, and an end before the row's start",
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
      await assertInvalid(tasks.updateTasks(early), "endTime");
      assert.deepEqual([await tasks.getTask(one.id), await tasks.getTask(two.id)], [one, two]);
    },
  },
  {
    name: "issue 4: updateTasks of the same tasks in any order never deadlock, and one of them comes last for each task",
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

/** Many tasks at once: created, read and changed. */
export const taskBatchCases: readonly ContractCase[] = [...importCases, ...streamCases, ...updateCases];
