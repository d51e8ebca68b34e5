import assert from "node:assert/strict";
import type { PageRequest } from "../../contract/page.ts";
import { makeGoalStructureData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { type ListedEntity, type ListedRow, listedEntities, listedUsers } from "./listed-entities.ts";
import { createOwner, idsOf, nextMillisecond } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

const MAX_PAGE_SIZE = 100;
const ROWS = 7;

/** What each request returns of {@link ROWS} rows: positions of the first and the last row, and the paging. */
const pages: readonly {
  readonly request: PageRequest;
  readonly rows: readonly [from: number, to: number];
  readonly page: number;
  readonly pageSize: number;
  readonly hasNext: boolean;
  readonly hasPrev: boolean;
}[] = [
  { request: {}, rows: [0, 7], page: 1, pageSize: 100, hasNext: false, hasPrev: false },
  {
    request: { page: undefined, skip: undefined },
    rows: [0, 7],
    page: 1,
    pageSize: 100,
    hasNext: false,
    hasPrev: false,
  },
  { request: { page: 1 }, rows: [0, 7], page: 1, pageSize: 100, hasNext: false, hasPrev: false },
  { request: { pageSize: 3 }, rows: [0, 3], page: 1, pageSize: 3, hasNext: true, hasPrev: false },
  { request: { page: 2, pageSize: 3 }, rows: [3, 6], page: 2, pageSize: 3, hasNext: true, hasPrev: true },
  { request: { page: 3, pageSize: 3 }, rows: [6, 7], page: 3, pageSize: 3, hasNext: false, hasPrev: true },
  { request: { page: 4, pageSize: 3 }, rows: [7, 7], page: 4, pageSize: 3, hasNext: false, hasPrev: true },
  { request: { pageSize: 7 }, rows: [0, 7], page: 1, pageSize: 7, hasNext: false, hasPrev: false },
  { request: { page: 7, pageSize: 1 }, rows: [6, 7], page: 7, pageSize: 1, hasNext: false, hasPrev: true },
  { request: { page: 2 }, rows: [7, 7], page: 2, pageSize: 100, hasNext: false, hasPrev: true },
  { request: { skip: 0, limit: 3 }, rows: [0, 3], page: 1, pageSize: 3, hasNext: true, hasPrev: false },
  { request: { skip: 3, limit: 3 }, rows: [3, 6], page: 2, pageSize: 3, hasNext: true, hasPrev: true },
  { request: { skip: 4, limit: 3 }, rows: [4, 7], page: 2, pageSize: 3, hasNext: false, hasPrev: true },
  { request: { skip: 5, limit: 1 }, rows: [5, 6], page: 6, pageSize: 1, hasNext: true, hasPrev: true },
  { request: { limit: 2 }, rows: [0, 2], page: 1, pageSize: 2, hasNext: true, hasPrev: false },
  { request: { skip: 200 }, rows: [7, 7], page: 3, pageSize: 100, hasNext: false, hasPrev: true },
  { request: { skip: 0 }, rows: [0, 7], page: 1, pageSize: 100, hasNext: false, hasPrev: false },
];

const lastPage = { hasNext: false, nextCursor: null };

/** Far beyond the end: no error and no overflow. */
const farPages: readonly { readonly request: PageRequest; readonly page: number; readonly pageSize: number }[] = [
  { request: { page: 1_000_000_000_000 }, page: 1_000_000_000_000, pageSize: 100 },
  { request: { skip: 4_294_967_296, limit: 1 }, page: 4_294_967_297, pageSize: 1 },
  { request: { skip: Number.MAX_SAFE_INTEGER, limit: 100 }, page: 90_071_992_547_410, pageSize: 100 },
];

const refusedRequests: readonly (readonly [object, string])[] = [
  ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY].map((page) => [{ page }, "page"] as const),
  ...[0, -1, 2.5, MAX_PAGE_SIZE + 1].map((pageSize) => [{ pageSize }, "pageSize"] as const),
  ...[-1, 0.5, Number.NaN].map((skip) => [{ skip }, "skip"] as const),
  ...[0, -1, 2.5, MAX_PAGE_SIZE + 1].map((limit) => [{ limit }, "limit"] as const),
  [{ page: 1, skip: 0 }, "skip"],
  [{ page: 1, pageSize: 10, skip: 0, limit: 10 }, "skip"],
  [{ pageSize: 10, skip: 0 }, "skip"],
  [{ page: 1, limit: 10 }, "limit"],
  [{ pageSize: 10, limit: 10 }, "limit"],
  [{ colour: "red" }, "colour"],
  [{ title: "Run" }, "title"],
  [{ createdAt: "2026-02-15T10:00:00Z" }, "createdAt"],
];

function entityCases(entity: ListedEntity): ContractCase[] {
  const { name } = entity;
  return [
    {
      name: `contract, REST: lists of ${name} are newest first, and return the requested page`,
      async run(services) {
        const owner = await createOwner(services);
        const created: ListedRow[] = [];
        for (let row = 0; row < ROWS; row++) {
          created.unshift(await entity.create(services, owner));
          await nextMillisecond();
        }
        for (const { request, rows, ...paging } of pages) {
          const { nextCursor, ...found } = await entity.list(services, owner, request);
          assert.deepEqual(found, { items: created.slice(...rows), total: ROWS, ...paging }, JSON.stringify(request));
          assert.equal(nextCursor !== null, paging.hasNext);
        }
        for (const { request, ...paging } of farPages) {
          const found = await entity.list(services, owner, request);
          assert.deepEqual(found, { items: [], total: ROWS, ...paging, ...lastPage, hasPrev: true });
        }
      },
    },
    {
      name: `contract, REST: a list of no ${name} is one empty page`,
      async run(services) {
        const found = await entity.list(services, await createOwner(services), {});
        assert.deepEqual(found, { items: [], total: 0, page: 1, pageSize: 100, ...lastPage, hasPrev: false });
      },
    },
  ];
}

function requestCases(entity: ListedEntity): ContractCase[] {
  const { name } = entity;
  return [
    {
      name: `contract, REST: lists of ${name} without a filter hold every row, 100 a page at most`,
      async run(services) {
        const owner = await createOwner(services);
        const row = await entity.create(services, owner);
        const { items, total, page, pageSize } = await entity.listAll(services);
        assert.deepEqual({ page, pageSize }, { page: 1, pageSize: MAX_PAGE_SIZE });
        assert.ok(
          total !== null && total >= 1 && items.length >= 1 && items.length <= MAX_PAGE_SIZE && items.length <= total,
        );
        const ages = items.map(({ createdAt }) => createdAt.getTime());
        assert.deepEqual(
          ages,
          ages.toSorted((a, b) => b - a),
        );
        assert.equal(new Set(idsOf(items)).size, items.length);
        // Other rows may be newer by now, so the next few pages are searched, too.
        let isFound = false;
        for (let number = 1; number <= 50 && !isFound; number++) {
          const { items, hasNext } = await entity.listAll(services, { page: number });
          isFound = items.some(({ id }) => id === row.id);
          if (!hasNext) break;
        }
        assert.ok(isFound, "a row that was created is in the list");
      },
    },
    {
      name: `contract, REST: lists of ${name} refuse pages out of bounds, mixed paging styles, and unknown parameters`,
      async run(services) {
        const owner = await createOwner(services);
        for (const [request, path] of refusedRequests) {
          await assertInvalid(entity.listAll(services, untyped({}, request)), path);
          await assertInvalid(entity.list(services, owner, untyped({}, request)), path);
        }
      },
    },
  ];
}

const tieCase: ContractCase = {
  name: "contract, REST: lists order rows of one moment by id, descending",
  async run(services) {
    const { user } = await createOwner(services);
    const structure = await services.goals.createGoalWithStructure(
      makeGoalStructureData(user.id, { milestones: 12, tasksPerMilestone: 2 }),
    );
    const descending = (rows: readonly ListedRow[]) => idsOf(rows).sort().reverse();
    const milestones = await services.milestones.listMilestones({ goalId: structure.id });
    assert.deepEqual(idsOf(milestones.items), descending(structure.milestones));
    const tasks: ListedRow[] = [];
    for (const page of [1, 2, 3, 4, 5]) {
      tasks.push(...(await services.tasks.listTasks({ goalId: structure.id, page, pageSize: 5 })).items);
    }
    assert.deepEqual(idsOf(tasks), descending(structure.tasks));
  },
};

/** Paging, the same for every entity. */
export const listCases: readonly ContractCase[] = [
  ...listedEntities.flatMap(entityCases),
  ...[listedUsers, ...listedEntities].flatMap(requestCases),
  tieCase,
];
