import assert from "node:assert/strict";
import type { Count, Page } from "../../contract/page.ts";
import type { DaoServices } from "../../contract/services.ts";
import { makeConversationData, makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { type ListQuery, selectedRows } from "./list-model.ts";
import type { ListedRow } from "./listed-entities.ts";
import { createOwner, idsOf, unknownId } from "./sample-rows.ts";

/** The queries of one entity. Requests may be of any type. */
interface QueriedEntity {
  readonly name: string;
  readonly sorts: readonly string[];
  /** Creates rows with equal values, and without some. */
  create(services: DaoServices): Promise<readonly ListedRow[]>;
  /** Filters with which the rows of {@link create} are compared. */
  filters(rows: readonly ListedRow[]): readonly ListQuery[];
  list(services: DaoServices, request: object): Promise<Page<ListedRow>>;
  stream(services: DaoServices, request: object): AsyncIterable<ListedRow>;
  count(services: DaoServices, request: object): Promise<Count>;
}

const fieldOf = (row: ListedRow | undefined, field: string): unknown => Reflect.get(row ?? {}, field);

/** Text that the elements of an array, or of a query string, could corrupt. */
const awkward = ['a","b', "a\\", "{a}", "null", "a,b&c=d", "", " "];

const day = (date: number) => new Date(Date.UTC(2026, 1, date));

const queriedEntities: readonly QueriedEntity[] = [
  {
    name: "users",
    sorts: ["createdAt", "name"],
    async create({ users }) {
      const rows: ListedRow[] = [];
      for (const name of ["mona", "ada", "mona", "zoe", "ada"])
        rows.push(await users.createUser(makeUserData({ name })));
      return rows;
    },
    filters: (rows) => [{ email: [fieldOf(rows[0], "email"), fieldOf(rows[3], "email"), "nobody@example.com"] }],
    list: ({ users }, request) => users.listUsers(request),
    stream: ({ users }, request) => users.streamUsers(request),
    count: ({ users }, request) => users.countUsers(request),
  },
  {
    name: "goals",
    sorts: ["createdAt", "title"],
    async create(services) {
      const { user } = await createOwner(services);
      const rows: ListedRow[] = [];
      for (const [index, category] of [...awkward, null, null].entries()) {
        const fields = {
          category,
          title: ["run", "read", "rest"][index % 3] ?? "",
          status: index < 3 ? "done" : "active",
        };
        rows.push(await services.goals.createGoal(makeGoalData(user.id, fields)));
      }
      return rows;
    },
    filters: (rows) => [
      { category: awkward },
      { category: awkward.slice(0, 2), status: ["done", "paused"] },
      { category: null, userId: [fieldOf(rows[0], "userId"), unknownId()] },
    ],
    list: ({ goals }, request) => goals.listGoals(request),
    stream: ({ goals }, request) => goals.streamGoals(request),
    count: ({ goals }, request) => goals.countGoals(request),
  },
  {
    name: "milestones",
    sorts: ["createdAt", "weekNumber", "title"],
    async create(services) {
      const { goal } = await createOwner(services);
      const rows: ListedRow[] = [];
      for (const weekNumber of [3, 10, 1, 3, 2_147_483_647, 2]) {
        const fields = { weekNumber, title: weekNumber > 2 ? "base" : "build" };
        rows.push(await services.milestones.createMilestone(makeMilestoneData(goal.id, fields)));
      }
      return rows;
    },
    filters: () => [
      { weekNumber: { from: 2, before: 10 } },
      { weekNumber: { from: 3 } },
      { weekNumber: { before: 3 }, status: ["pending"] },
    ],
    list: ({ milestones }, request) => milestones.listMilestones(request),
    stream: ({ milestones }, request) => milestones.streamMilestones(request),
    count: ({ milestones }, request) => milestones.countMilestones(request),
  },
  {
    name: "tasks",
    sorts: ["createdAt", "startTime", "endTime", "title"],
    async create(services) {
      const { user, goal } = await createOwner(services);
      const milestone = await services.milestones.createMilestone(makeMilestoneData(goal.id));
      const rows: ListedRow[] = [];
      for (const [index, date] of [14, 16, null, 14, 15, null, 14, 20].entries()) {
        const fields = {
          title: ["swim", "row", "run"][index % 3] ?? "",
          startTime: date === null ? null : day(date),
          endTime: date === null || index % 2 === 0 ? null : day(date + 1),
          state: (["missed", "drifted", "scheduled"] as const)[index % 3] ?? "scheduled",
          isRecurring: index % 2 === 0,
          milestoneId: index % 3 === 1 ? milestone.id : null,
          calendarEventId: index < 4 ? null : `e${index}`,
        };
        rows.push(await services.tasks.createTask(makeTaskData(user.id, goal.id, fields)));
      }
      return rows;
    },
    filters: (rows) => [
      { state: ["missed", "drifted"], isRecurring: [true, false] },
      { isRecurring: [true], priority: ["standard"], triggerType: ["time", "on_leaving_home"] },
      { milestoneId: null },
      { milestoneId: [fieldOf(rows[1], "milestoneId"), unknownId()], goalId: [fieldOf(rows[1], "goalId")] },
      { calendarEventId: null, startTime: null },
      { calendarEventId: ["e4", "e5", "none"], endTime: null },
      { startTime: { from: day(14), before: day(16) } },
      { startTime: { from: new Date(day(14).getTime() + 1) }, endTime: { before: new Date(day(21).getTime() + 1) } },
      { createdAt: { from: rows[2]?.createdAt, before: new Date((rows[6]?.createdAt.getTime() ?? 0) + 1) } },
    ],
    list: ({ tasks }, request) => tasks.listTasks(request),
    stream: ({ tasks }, request) => tasks.streamTasks(request),
    count: ({ tasks }, request) => tasks.countTasks(request),
  },
  {
    name: "conversations",
    sorts: ["createdAt"],
    async create(services) {
      const { user, goal } = await createOwner(services);
      const rows: ListedRow[] = [];
      for (const goalId of [goal.id, null, goal.id, null, null]) {
        rows.push(await services.conversations.createConversation(makeConversationData(user.id, goal.id, { goalId })));
      }
      return rows;
    },
    filters: (rows) => [{ goalId: null }, { goalId: [fieldOf(rows[0], "goalId")], status: ["open", "closed"] }],
    list: ({ conversations }, request) => conversations.listConversations(request),
    stream: ({ conversations }, request) => conversations.streamConversations(request),
    count: ({ conversations }, request) => conversations.countConversations(request),
  },
];

/** The rows of all pages, by cursor. */
async function walk(list: (request: object) => Promise<Page<ListedRow>>, request: object): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await list({ ...request, pageSize: 2, cursor, count: "none" });
    ids.push(...idsOf(page.items));
    if (page.nextCursor === null) return ids;
    cursor = page.nextCursor;
  }
}

function entityCases(entity: QueriedEntity): ContractCase[] {
  const { name, sorts } = entity;
  return [
    {
      name: `contract, REST: ${name} are selected by several values, null and ranges, listed, streamed and counted alike`,
      async run(services) {
        const rows = await entity.create(services);
        const id = idsOf(rows);
        const some = idsOf(rows).filter((_, index) => index % 2 === 0);
        for (const filter of [{}, ...entity.filters(rows), { id: [...some, ...some, unknownId()] }, { id: [id[1]] }]) {
          const request = { id, ...filter };
          const expected = idsOf(selectedRows(rows, request));
          const shown = JSON.stringify(filter);
          const { items, total } = await entity.list(services, request);
          assert.deepEqual([idsOf(items), total], [expected, expected.length], shown);
          assert.deepEqual(await entity.count(services, request), { total: expected.length }, shown);
          const streamed: ListedRow[] = [];
          for await (const row of entity.stream(services, request)) streamed.push(row);
          assert.deepEqual(streamed, items, shown);
        }
        assert.deepEqual(idsOf((await entity.list(services, { id: id[0]?.toUpperCase() })).items), [id[0]]);
      },
    },
    {
      name: `contract, REST: ${name} are sorted by ${sorts.join(", ")}, either way, and paged by number and by cursor`,
      async run(services) {
        const rows = await entity.create(services);
        const id = idsOf(rows);
        for (const sort of sorts.flatMap((field) => [field, `-${field}`])) {
          const request = { id, sort };
          const expected = idsOf(selectedRows(rows, request));
          assert.deepEqual(await walk((page) => entity.list(services, page), request), expected, sort);
          const second = await entity.list(services, { ...request, page: 2, pageSize: 3 });
          assert.deepEqual([idsOf(second.items), second.total], [expected.slice(3, 6), rows.length], sort);
          const estimated = await entity.list(services, { ...request, skip: 1, limit: 2, count: "estimated" });
          assert.deepEqual([idsOf(estimated.items), estimated.total], [expected.slice(1, 3), rows.length], sort);
        }
      },
    },
    {
      name: `contract, REST: queries for ${name} refuse values, ranges, orders and cursors that they cannot have`,
      async run(services) {
        const refused: readonly (readonly [object, string])[] = [
          [{ id: [] }, "id"],
          [{ id: Array.from({ length: 101 }, unknownId) }, "id"],
          [{ id: [unknownId(), "x"] }, "id.1"],
          [{ id: [null] }, "id.0"],
          [{ id: new Array(1) }, "id.0"],
          [{ id: null }, "id"],
          [{ id: { from: unknownId() } }, "id"],
          [{ createdAt: null }, "createdAt"],
          [{ createdAt: day(1) }, "createdAt"],
          [{ createdAt: [day(1)] }, "createdAt"],
          [{ createdAt: {} }, "createdAt"],
          [{ createdAt: { from: undefined } }, "createdAt"],
          [{ createdAt: { from: day(1), before: day(1) } }, "createdAt.before"],
          [{ createdAt: { from: day(2), before: day(1) } }, "createdAt.before"],
          [{ createdAt: { after: day(1) } }, "createdAt.after"],
          [{ createdAt: { from: "2026-02-15T10:00:00Z" } }, "createdAt.from"],
          [{ createdAt: { before: new Date(Number.NaN) } }, "createdAt.before"],
          [{ createdAt: { from: null } }, "createdAt.from"],
        ];
        for (const [request, path] of refused) {
          await assertInvalid(entity.list(services, request), path);
          await assertInvalid(entity.count(services, request), path);
          await assertInvalid(entity.stream(services, request)[Symbol.asyncIterator]().next(), path);
        }
        for (const sort of ["id", "created_at", "--createdAt", "-", "", "createdAt,id", null, 7, ["createdAt"]]) {
          await assertInvalid(entity.list(services, { sort }), "sort");
        }
        await assertInvalid(entity.count(services, { page: 1 }), "page");
        await assertInvalid(entity.stream(services, { sort: "createdAt" })[Symbol.asyncIterator]().next(), "sort");
        await entity.create(services);
        for (const sort of [undefined, ...sorts]) {
          const { nextCursor: cursor } = await entity.list(services, { sort, pageSize: 1 });
          for (const other of [undefined, "-createdAt", ...sorts].filter((other) => other !== sort)) {
            const isSame = sort === undefined && other === "-createdAt";
            if (!isSame) await assertInvalid(entity.list(services, { sort: other, cursor }), "cursor");
          }
        }
      },
    },
  ];
}

const brokenKeys: ContractCase = {
  name: "contract, REST: a cursor whose value was changed to another type is refused",
  async run({ tasks, milestones }) {
    const cursor = (...parts: readonly unknown[]) => Buffer.from(JSON.stringify(parts)).toString("base64url");
    for (const key of [
      7,
      "noon",
      true,
      {},
      "2026-02-30",
      "2026-02-30 10:00:00+00",
      "999999-01-01 00:00:00+00",
      "2026-02-15 10:00:00+99",
    ]) {
      await assertInvalid(
        tasks.listTasks({ sort: "startTime", cursor: cursor("startTime", key, unknownId()) }),
        "cursor",
      );
    }
    for (const key of [null, 7, "a\u0000", "\ud800"]) {
      await assertInvalid(tasks.listTasks({ sort: "title", cursor: cursor("title", key, unknownId()) }), "cursor");
    }
    for (const key of ["1", 1.5, 2 ** 31, null]) {
      const broken = cursor("weekNumber", key, unknownId());
      await assertInvalid(milestones.listMilestones({ sort: "weekNumber", cursor: broken }), "cursor");
    }
    const newestFirst = Buffer.from(`2026-02-30 10:00:00+00 ${unknownId()}`).toString("base64url");
    await assertInvalid(tasks.listTasks({ cursor: newestFirst }), "cursor");
    await assertInvalid(tasks.listTasks({ sort: "title", cursor: cursor("title", "a", "x") }), "cursor");
    await assertInvalid(tasks.listTasks({ sort: "title", cursor: cursor("title", "a") }), "cursor");
  },
};

const sortedText: ContractCase = {
  name: "contract, REST: a list by title is paged by cursor whatever the titles hold, and compares 100 characters",
  async run(services) {
    const { user, goal } = await createOwner(services);
    const titles = ["🙂".repeat(500), `${"🙂".repeat(499)}a`, "\u0001".repeat(300), `a"'\\`, "a\n", "ü"];
    for (const title of titles) await services.tasks.createTask(makeTaskData(user.id, goal.id, { title }));
    for (const sort of ["title", "-title"] as const) {
      const list = (request: object) => services.tasks.listTasks({ goalId: goal.id, sort, ...request });
      assert.deepEqual(await walk(list, {}), idsOf((await list({})).items));
      const alike = (await list({})).items.filter(({ title }) => title.startsWith("🙂"));
      assert.deepEqual(
        idsOf(alike),
        idsOf(alike).sort((a, b) => (a < b === (sort === "title") ? -1 : 1)),
      );
    }
  },
};

/** What is no request must not select every row. */
const noRequests: readonly ContractCase[] = queriedEntities.map((entity) => ({
  name: `contract, Data: a list, stream or count of ${entity.name} by what is not an object is refused`,
  async run(services) {
    // As a caller without a type checker could pass them.
    const requests: readonly object[] = JSON.parse('[null, "x", 7, true, []]');
    for (const request of requests) {
      await assertInvalid(entity.list(services, request));
      await assertInvalid(entity.count(services, request));
      // A client may check the request before the first row is asked for.
      await assertInvalid(firstOf(() => entity.stream(services, request)));
    }
  },
}));

async function firstOf(stream: () => AsyncIterable<unknown>): Promise<unknown> {
  for await (const row of stream()) return row;
  return undefined;
}

/** Filters by several values, null and ranges; orders; streams and counts. */
export const queryCases: readonly ContractCase[] = [
  ...queriedEntities.flatMap(entityCases),
  ...noRequests,
  brokenKeys,
  sortedText,
];
