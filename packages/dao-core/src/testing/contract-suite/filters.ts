import assert from "node:assert/strict";
import { TASK_PRIORITIES, TASK_STATES, TRIGGER_TYPES } from "../../contract/fields/constants.ts";
import type { Page, PageRequest } from "../../contract/page.ts";
import type { DaoServices } from "../../contract/services.ts";
import { makeConversationData, makeGoalData, makeMilestoneData, makeTaskData, makeUserData } from "../factories.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import type { ListedRow } from "./listed-entities.ts";
import { createOwner, idsOf, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

interface FilteredEntity {
  readonly name: string;
  /** A filter that matches only the rows of one case, and all fields that can be filtered by. */
  readonly scope: string;
  readonly fields: readonly string[];
  /** Creates rows that differ in every one of these fields. */
  create(services: DaoServices): Promise<readonly ListedRow[]>;
  list(services: DaoServices, filter: object): Promise<Page<ListedRow>>;
}

/** Text that a query string or a pattern could corrupt. */
const statuses = ["active", "Active", "a&b=c#d?e/f %2B+ü🙂'%_\\", ""];

const request: PageRequest = { pageSize: 100 };

const filteredEntities: readonly FilteredEntity[] = [
  {
    name: "goals",
    scope: "userId",
    fields: ["userId", "status", "category"],
    async create({ users, goals }) {
      const { id: userId } = await users.createUser(makeUserData());
      const rows: ListedRow[] = [];
      for (const status of statuses) {
        for (const category of [...statuses, null]) {
          rows.push(await goals.createGoal(makeGoalData(userId, { status, category })));
        }
      }
      return rows;
    },
    list: ({ goals }, filter) => goals.listGoals(untyped(request, filter)),
  },
  {
    name: "milestones",
    scope: "goalId",
    fields: ["goalId", "status"],
    async create(services) {
      const { goal } = await createOwner(services);
      const rows: ListedRow[] = [];
      for (const status of [...statuses, ...statuses]) {
        rows.push(await services.milestones.createMilestone(makeMilestoneData(goal.id, { status })));
      }
      return rows;
    },
    list: ({ milestones }, filter) => milestones.listMilestones(untyped(request, filter)),
  },
  {
    name: "tasks",
    scope: "userId",
    fields: ["userId", "goalId", "milestoneId", "state", "priority", "triggerType", "isRecurring", "calendarEventId"],
    async create(services) {
      const { user, goal } = await createOwner(services);
      const other = await services.goals.createGoal(makeGoalData(user.id));
      const milestone = await services.milestones.createMilestone(makeMilestoneData(goal.id));
      const unique = unknownId();
      const rows: ListedRow[] = [];
      for (const [index, state] of [...TASK_STATES, ...TASK_STATES, ...TASK_STATES].entries()) {
        const fields = {
          state,
          priority: TASK_PRIORITIES[index % 3] ?? "standard",
          triggerType: TRIGGER_TYPES[index % 2] ?? "time",
          isRecurring: index % 5 < 2,
          calendarEventId: [null, `${unique} &ü`, `${unique} &Ü`][(index >> 1) % 3] ?? null,
          milestoneId: index % 4 === 1 ? milestone.id : null,
        };
        rows.push(await services.tasks.createTask(makeTaskData(user.id, index % 3 ? goal.id : other.id, fields)));
      }
      return rows;
    },
    list: ({ tasks }, filter) => tasks.listTasks(untyped(request, filter)),
  },
  {
    name: "conversations",
    scope: "userId",
    fields: ["userId", "goalId", "status"],
    async create(services) {
      const { user, goal } = await createOwner(services);
      const other = await services.goals.createGoal(makeGoalData(user.id));
      const rows: ListedRow[] = [];
      for (const status of statuses) {
        for (const goalId of [goal.id, other.id, goal.id]) {
          const data = makeConversationData(user.id, goalId, { status });
          rows.push(await services.conversations.createConversation(data));
        }
      }
      return rows;
    },
    list: ({ conversations }, filter) => conversations.listConversations(untyped(request, filter)),
  },
];

/** Every subset of `items`, the empty one first. */
function subsetsOf<Item>(items: readonly Item[]): Item[][] {
  return items.reduce<Item[][]>((subsets, item) => subsets.flatMap((subset) => [subset, [...subset, item]]), [[]]);
}

/** The values of these fields in `row`, as a filter; null cannot be filtered by. */
function filterLike(row: ListedRow, fields: readonly string[]): Record<string, unknown> {
  const values = fields.map((field) => [field, Reflect.get(row, field)]);
  return Object.fromEntries(values.filter(([, value]) => value !== null));
}

function matches(row: ListedRow, filter: object): boolean {
  return Object.entries(filter).every(([field, value]) => Reflect.get(row, field) === value);
}

function entityCases({ name, scope, fields, create, list }: FilteredEntity): ContractCase[] {
  return [
    {
      name: `contract, REST: lists of ${name} are filtered by ${fields.join(", ")}: within ${scope}, by every set of them`,
      async run(services) {
        const rows = await create(services);
        const asked = new Set<string>();
        for (const subset of subsetsOf(fields.filter((field) => field !== scope))) {
          for (const row of [rows[0], rows[5], rows.at(-1)]) {
            assert.ok(row);
            const filter = filterLike(row, [scope, ...subset]);
            if (asked.has(JSON.stringify(filter))) continue;
            asked.add(JSON.stringify(filter));
            const expected = rows.filter((candidate) => matches(candidate, filter));
            const { items, total } = await list(services, filter);
            assert.deepEqual(idsOf(items).sort(), idsOf(expected).sort(), JSON.stringify(filter));
            assert.equal(total, expected.length);
          }
        }
      },
    },
    ...fields.map((field) => ({
      name: `contract, REST: lists of ${name} are filtered by ${field} alone`,
      async run(services: DaoServices) {
        const rows = await create(services);
        const values = new Set(rows.map((row): unknown => Reflect.get(row, field)).filter((value) => value !== null));
        for (const value of values) {
          const { items, total } = await list(services, { [field]: value });
          const own = rows.filter((row) => matches(row, { [field]: value }));
          assert.ok(total !== null && total >= own.length);
          for (const item of items) assert.deepEqual(Reflect.get(item, field), value);
        }
      },
    })),
    {
      name: `contract, REST: a filter that no row of ${name} has selects none, and one that is undefined is none`,
      async run(services) {
        const rows = await create(services);
        const mine = { [scope]: Reflect.get(rows[0] ?? {}, scope) };
        assert.deepEqual(await list(services, { [scope]: unknownId() }), {
          items: [],
          total: 0,
          page: 1,
          pageSize: 100,
          hasNext: false,
          hasPrev: false,
          nextCursor: null,
        });
        const others = Object.fromEntries(fields.filter((field) => field !== scope).map((field) => [field, undefined]));
        assert.equal((await list(services, { ...others, ...mine })).total, rows.length);
        const paged = await list(services, { ...mine, page: 2, pageSize: 3 });
        assert.equal(paged.total, rows.length);
        assert.deepEqual(paged.items, (await list(services, mine)).items.slice(3, 6));
      },
    },
  ];
}

const wrongValues: ContractCase = {
  name: "contract, REST: a filter's value that the field cannot have is refused",
  async run({ users, goals, milestones, tasks, conversations }) {
    await assertInvalid(tasks.listTasks(untyped({}, { state: "done" })), "state");
    await assertInvalid(tasks.listTasks(untyped({}, { priority: "Standard" })), "priority");
    await assertInvalid(tasks.listTasks(untyped({}, { triggerType: "" })), "triggerType");
    await assertInvalid(tasks.listTasks(untyped({}, { isRecurring: "yes" })), "isRecurring");
    await assertInvalid(tasks.listTasks({ calendarEventId: "a\u0000" }), "calendarEventId");
    await assertInvalid(users.listUsers({ email: "a\u0000@example.com" }), "email");
    await assertInvalid(goals.listGoals({ status: "\u0000", category: "\u0000" }), "status", "category");
    await assertInvalid(milestones.listMilestones({ status: "\u0000" }), "status");
    await assertInvalid(conversations.listConversations({ status: "\u0000" }), "status");
  },
};

const usersByEmail: ContractCase = {
  name: "contract, REST: lists of users are filtered by email, which matches as a whole and in its case",
  async run({ users }) {
    const user = await users.createUser(makeUserData({ email: `Jane+a_b%c.${unknownId()}@example.com` }));
    assert.deepEqual((await users.listUsers({ email: user.email })).items, [user]);
    for (const email of [user.email.toLowerCase(), user.email.replace("_", "x"), "%", user.email.slice(1), ""]) {
      assert.equal((await users.listUsers({ email })).total, 0, email);
    }
    assert.equal((await users.listUsers({ email: "' OR 1=1 --" })).total, 0);
  },
};

/** Filters of lists. */
export const filterCases: readonly ContractCase[] = [
  ...filteredEntities.flatMap(entityCases),
  wrongValues,
  usersByEmail,
];
