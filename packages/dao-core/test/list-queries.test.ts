import { createDaoServices, type DaoServices, TASK_STATES, type TaskDto, type TaskListRequest } from "@flux/dao-core";
import {
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type ListQuery, selectedRows } from "../src/testing/contract-suite/list-model.ts";

let testDatabase: TestDatabase;
let services: DaoServices;
let rows: readonly TaskDto[];
let milestoneIds: readonly string[];

const moment = (minute: number) => new Date(Date.UTC(2026, 1, 15, 10, minute));

/** Rows of random values, of which many are equal or missing. */
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  services = createDaoServices(testDatabase.database);
  const user = await services.users.createUser(makeUserData());
  const goal = await services.goals.createGoal(makeGoalData(user.id));
  const { milestones } = await services.goals.createGoalWithStructure({
    goal: { userId: user.id, title: "g" },
    milestones: [1, 2].map((weekNumber) => ({ weekNumber, title: "m" })),
  });
  milestoneIds = milestones.map(({ id }) => id);
  const minute = fc.option(fc.nat(5), { freq: 3 });
  const task = fc.record({
    startTime: minute.map((at) => (at === null ? null : moment(at))),
    endTime: minute.map((at) => (at === null ? null : moment(10 + at))),
    title: fc.constantFrom("a", "b", "ab", "aba", "a".repeat(150), `${"a".repeat(149)}b`),
    state: fc.constantFrom(...TASK_STATES),
    milestoneId: fc.option(fc.constantFrom(...milestoneIds)),
    calendarEventId: fc.option(fc.constantFrom("x", 'y"', "{z}")),
  });
  const data = fc.sample(task, { numRuns: 80, seed: 7 }).map((fields) => makeTaskData(user.id, goal.id, fields));
  await services.tasks.createTasks(data);
  rows = (await services.tasks.listTasks({ userId: user.id })).items;
  expect(rows).toHaveLength(80);
});
afterAll(() => testDatabase.drop());

const several = (values: () => readonly string[]) =>
  fc
    .array(fc.nat(), { minLength: 1, maxLength: 3 })
    .map((picks) => picks.map((n) => values()[n % values().length] ?? ""));
const range = fc
  .record({ from: fc.nat(14).map(moment), before: fc.nat(14).map(moment) }, { requiredKeys: [] })
  .filter(({ from, before }) => (from ?? before) !== undefined && !(from && before && from >= before));
const nullable = <Value>(filter: fc.Arbitrary<Value>) => fc.option(filter, { freq: 4 });

const filters = fc.record(
  {
    id: fc
      .array(fc.nat(), { minLength: 30, maxLength: 100 })
      .map((picks) => picks.map((n) => rows[n % rows.length]?.id ?? "")),
    state: several(() => TASK_STATES),
    milestoneId: nullable(several(() => milestoneIds)),
    calendarEventId: nullable(several(() => ["x", 'y"', "{z}", "none"])),
    startTime: nullable(range),
    endTime: nullable(range),
  },
  { requiredKeys: [] },
);

const sorts = ["createdAt", "startTime", "endTime", "title"].flatMap((field) => [field, `-${field}`]);

/** Text is compared by its first 100 characters. */
const inTestOrder = (request: ListQuery) =>
  selectedRows(
    rows.map((row) => ({ ...row, title: row.title.slice(0, 100) })),
    request,
  ).map(({ id }) => id);

test("lists, counts and streams agree with a model of them, page by page, by cursor and by number", async () => {
  const { tasks } = services;
  await fc.assert(
    fc.asyncProperty(
      filters,
      fc.constantFrom(undefined, ...sorts),
      fc.integer({ min: 1, max: 7 }),
      async (filter, sort, pageSize) => {
        const query = { ...filter, sort };
        const expected = inTestOrder(query);
        const request = query as TaskListRequest;
        const walked: string[] = [];
        for (let cursor: string | null = null, page = 1; page === 1 || cursor !== null; page++) {
          const byCursor = await tasks.listTasks({ ...request, pageSize, cursor: cursor ?? undefined });
          expect(byCursor.total).toBe(expected.length);
          const byNumber = await tasks.listTasks({ ...request, pageSize, page, count: "none" });
          expect(byCursor.items).toEqual(byNumber.items);
          walked.push(...byCursor.items.map(({ id }) => id));
          cursor = byCursor.nextCursor;
        }
        expect(walked).toEqual(expected);
        expect(await tasks.countTasks(filter as TaskListRequest)).toEqual({ total: expected.length });
        const streamed: string[] = [];
        for await (const { id } of tasks.streamTasks(filter as TaskListRequest)) streamed.push(id);
        expect(streamed).toEqual(inTestOrder(filter));
      },
    ),
    { numRuns: 60, seed: 20_260_215 },
  );
}, 120_000);

test("a page far from the start has the rows that a stream reads there", async () => {
  const { id: userId } = await services.users.createUser(makeUserData());
  const { id: goalId } = await services.goals.createGoal(makeGoalData(userId));
  await services.tasks.createTasks(Array.from({ length: 1_150 }, () => makeTaskData(userId, goalId)));
  const ids: string[] = [];
  for await (const { id } of services.tasks.streamTasks({ userId })) ids.push(id);
  for (const sort of ["-createdAt", "createdAt"] as const) {
    const page = await services.tasks.listTasks({ userId, sort, skip: 1_020, limit: 100 });
    const expected = (sort === "createdAt" ? ids.toReversed() : ids).slice(1_020, 1_120);
    expect(page.items.map(({ id }) => id)).toEqual(expected);
    expect(page).toMatchObject({ total: 1_150, hasNext: true });
  }
});
