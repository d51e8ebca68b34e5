import assert from "node:assert/strict";
import type { Page, PageRequest } from "../../contract/page.ts";
import { makeGoalStructureData, makeTaskData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { type ListedEntity, type ListedRow, listedEntities, listedUsers } from "./listed-entities.ts";
import { createOwner, idsOf, times } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** Reads every row, page by page, by cursor. */
async function walk(
  list: (request: PageRequest) => Promise<Page<ListedRow>>,
  request: PageRequest,
): Promise<ListedRow[]> {
  const rows: ListedRow[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await list({ ...request, cursor });
    assert.equal(page.page, cursor === undefined ? 1 : null);
    assert.equal(page.hasPrev, cursor !== undefined);
    assert.equal(page.hasNext, page.nextCursor !== null);
    rows.push(...page.items);
    if (page.nextCursor === null) return rows;
    cursor = page.nextCursor;
  }
}

/** Cursors that no page returned. */
const brokenCursors: readonly unknown[] = [
  "",
  "1",
  "a b",
  "next",
  null,
  7,
  Buffer.from("2026-02-15 10:00:00+00").toString("base64url"),
  Buffer.from("2026-02-15 10:00:00+00 x').select").toString("base64url"),
  Buffer.from("tomorrow 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e").toString("base64url"),
  Buffer.from("2026-02-15 25:00:00+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e").toString("base64url"),
];

function entityCases(entity: ListedEntity): ContractCase[] {
  return [
    {
      name: `a walk by cursor returns all ${entity.name} once, as the pages by number do`,
      async run(services) {
        const owner = await createOwner(services);
        // All at once, so that some differ only by microseconds.
        await Promise.all(times(9, () => entity.create(services, owner)));
        const list = (request: PageRequest) => entity.list(services, owner, request);
        const { items } = await list({});
        assert.equal(items.length, 9);
        for (const request of [{ pageSize: 1 }, { pageSize: 4 }, { limit: 2 }, { limit: 9 }, {}]) {
          for (const count of ["exact", "estimated", "none"] as const) {
            assert.deepEqual(await walk(list, { ...request, count }), items);
          }
        }
      },
    },
    {
      name: `a list of ${entity.name} counts exactly, by estimate, or not at all`,
      async run(services) {
        const owner = await createOwner(services);
        await Promise.all(times(3, () => entity.create(services, owner)));
        const first = await entity.list(services, owner, { pageSize: 2, count: "exact" });
        assert.deepEqual([first.total, first.items.length], [3, 2]);
        const cursor = first.nextCursor ?? "";
        for (const request of [{ pageSize: 2 }, { cursor }, { page: 9 }]) {
          const none = await entity.list(services, owner, { ...request, count: "none" });
          const exact = await entity.list(services, owner, request);
          // So few rows are counted, not estimated.
          const estimated = await entity.list(services, owner, { ...request, count: "estimated" });
          assert.deepEqual(estimated, exact);
          assert.equal(exact.total, 3);
          assert.deepEqual(none, { ...exact, total: null });
        }
      },
    },
  ];
}

function refusalCase(entity: ListedEntity): ContractCase {
  return {
    name: `lists of ${entity.name} refuse an invalid cursor, a cursor with a page number, and other ways to count`,
    async run(services) {
      for (const cursor of brokenCursors) {
        await assertInvalid(entity.listAll(services, untyped({}, { cursor })), "cursor");
      }
      const cursor = Buffer.from("2026-02-15 10:00:00.123456+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e").toString(
        "base64url",
      );
      await assertInvalid(entity.listAll(services, { cursor, page: 1 }), "page");
      await assertInvalid(entity.listAll(services, { cursor, skip: 0 }), "skip");
      await assertInvalid(entity.listAll(services, untyped({}, { count: "planned" })), "count");
    },
  };
}

const taskCases: readonly ContractCase[] = [
  {
    name: "a cursor stays valid while rows are created and deleted, its own row among them",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      const create = () => tasks.createTask(makeTaskData(user.id, goal.id));
      for (let row = 0; row < 5; row++) await create();
      const all = (await tasks.listTasks({ userId: user.id })).items;
      const first = await tasks.listTasks({ userId: user.id, pageSize: 2 });
      await create();
      await tasks.deleteTask(first.items[1]?.id ?? "");
      await tasks.deleteTask(all[3]?.id ?? "");
      const rest = await tasks.listTasks({ userId: user.id, cursor: first.nextCursor ?? "" });
      assert.deepEqual(idsOf(rest.items), idsOf([all[2], all[4]].flatMap((row) => row ?? [])));
      assert.equal(rest.hasNext, false);
    },
  },
  {
    name: "a walk by cursor returns the rows of one moment once, by id",
    async run(services) {
      const { user } = await createOwner(services);
      const structure = await services.goals.createGoalWithStructure(
        makeGoalStructureData(user.id, { milestones: 3, tasksPerMilestone: 4 }),
      );
      const rows = await walk((request) => services.tasks.listTasks({ goalId: structure.id, ...request }), {
        limit: 5,
      });
      assert.deepEqual(idsOf(rows), idsOf(structure.tasks).sort().reverse());
    },
  },
  {
    name: "a cursor is a position, and can be combined with any filter",
    async run(services) {
      const { tasks } = services;
      const { user, goal } = await createOwner(services);
      for (const state of ["missed", "scheduled", "missed", "scheduled"] as const) {
        await tasks.createTask(makeTaskData(user.id, goal.id, { state }));
      }
      const { nextCursor } = await tasks.listTasks({ userId: user.id, pageSize: 1 });
      const missed = await tasks.listTasks({ goalId: goal.id, state: "missed", cursor: nextCursor ?? "" });
      assert.deepEqual([missed.items.length, missed.total, missed.hasNext], [2, 2, false]);
    },
  },
];

/** Paging by cursor, and the ways to count. */
export const listCursorCases: readonly ContractCase[] = [
  ...listedEntities.flatMap(entityCases),
  ...[listedUsers, ...listedEntities].map(refusalCase),
  ...taskCases,
];
