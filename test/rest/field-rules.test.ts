import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import {
  createConversation,
  createGoal,
  createMilestone,
  createOwner,
  createTask,
  createUser,
  type GoalRow,
  uniqueEmail,
} from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

const user = () => ({ id: goal.user_id });

/** How to make a row with one field of text; and the most code points that it may have. */
const BOUNDED: readonly [field: string, max: number, create: (text: string) => Promise<object>, path: string][] = [
  ["name", 255, (name) => createUser(call, { name }), "/api/v1/users/"],
  ["title", 500, (title) => createGoal(call, user(), { title }), "/api/v1/goals/"],
  ["title", 500, (title) => createMilestone(call, goal, { title }), "/api/v1/milestones/"],
  ["title", 500, (title) => createTask(call, goal, { title }), "/api/v1/tasks/"],
  ["calendar_event_id", 255, (text) => createTask(call, goal, { calendar_event_id: text }), "/api/v1/tasks/"],
];

const fieldsOf = () => ({
  name: "x",
  email: uniqueEmail(),
  title: "x",
  week_number: 1,
  user_id: goal.user_id,
  goal_id: goal.id,
});

describe("Data: lengths are counted in code points, strings are not trimmed", () => {
  test.each(BOUNDED)("%s: 1 to %d characters (%#)", async (field, max, create, path) => {
    for (const text of [
      "x",
      " ",
      "\n",
      "x".repeat(max),
      "é".repeat(max),
      "😀".repeat(max),
      ` ${"x".repeat(max - 2)} `,
    ]) {
      expect(await create(text)).toMatchObject({ [field]: text });
    }
    for (const text of ["", "x".repeat(max + 1), "😀".repeat(max + 1), `${"x".repeat(max)} `, "e\u0301".repeat(max)]) {
      expectInvalid(await call("POST", path, { body: { ...fieldsOf(), [field]: text } }), field);
    }
  });

  test("what has no bound may be empty and long", async () => {
    const long = "😀".repeat(20_000);
    for (const text of ["", " ", long]) {
      expect(await createGoal(call, user(), { category: text, timeline: text, status: text })).toMatchObject({
        category: text,
        timeline: text,
        status: text,
      });
      expect(await createMilestone(call, goal, { status: text })).toMatchObject({ status: text });
      expect(await createConversation(call, goal, { status: text })).toMatchObject({ status: text });
    }
  });
});

describe("Data: email is an e-mail address of 1 to 255 characters, unique", () => {
  /** 32 characters that no address had before: the database may be anybody's. */
  const nobodys = () => crypto.randomUUID().replaceAll("-", "");

  test.each([
    "jane@….example.com",
    "jane.doe+tag@sub.….co.uk",
    "o'neil@….com",
    "a@b….co",
    "JANE@….Example.COM",
    "用户@例子….广告",
  ])("%s is one, and kept as it is", async (form) => {
    const email = form.replace("…", nobodys());
    expect((await createUser(call, { email })).email).toBe(email);
  });

  test.each([
    "",
    " ",
    "jane",
    "@",
    "jane@",
    "@example.com",
    "jane@@example.com",
    "jane doe@example.com",
    " jane@example.com",
    "jane@example.com ",
    "jane@exam ple.com",
    "jane@example.com\n",
    "jane@example.com, joe@example.com",
    "jane.@example.com",
    ".jane@example.com",
    "jane@example..com",
    "Jane <jane@example.com>",
    `${"x".repeat(244)}@example.com`,
  ])("%j is none", async (email) => {
    expectInvalid(await call("POST", "/api/v1/users/", { body: { name: "x", email } }), "email");
  });

  test("255 characters are taken", async () => {
    const email = `${nobodys()}${"x".repeat(28)}@${"y".repeat(63)}.${"z".repeat(63)}.${"y".repeat(62)}.com`;
    expect(email).toHaveLength(255);
    expect((await createUser(call, { email })).email).toBe(email);
  });

  test.each([1, null, true, [], ["jane@example.com"], {}])("%j is no text", async (email) => {
    expectInvalid(await call("POST", "/api/v1/users/", { body: { name: "x", email } }), "email");
  });
});

describe("Data: a JSON value nests at most 64 deep", () => {
  const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);

  test("64 levels are kept as they are", async () => {
    const preferences = { a: deep(63) };
    expect((await createUser(call, { preferences })).preferences).toStrictEqual(preferences);
    const messages = deep(64);
    expect((await createConversation(call, goal, { messages })).messages).toStrictEqual(messages);
  });

  test("65 are a validation error", async () => {
    const body = { name: "x", email: uniqueEmail(), preferences: { a: deep(64) } };
    expect(expectProblem(await call("POST", "/api/v1/users/", { body }), 400).errors?.[0]?.path).toMatch(
      /^preferences\b/,
    );
    const talk = { user_id: goal.user_id, goal_id: goal.id, messages: deep(65) };
    expect(expectProblem(await call("POST", "/api/v1/conversations/", { body: talk }), 400).errors?.[0]?.path).toMatch(
      /^messages\b/,
    );
  });

  test("width is no depth", async () => {
    const preferences = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, [index]]));
    expect((await createUser(call, { preferences })).preferences).toStrictEqual(preferences);
  });
});

describe("Data: end_time is not before start_time", () => {
  const start_time = "2026-02-15T10:00:00.500Z";

  test.each([null, "2026-02-15T10:00:00.500Z", "2026-02-15T10:00:00.501Z", "2026-02-15T05:00:00.500-05:00"])(
    "an end of %s is fine",
    async (end_time) => {
      await createTask(call, goal, { start_time, end_time });
      await createTask(call, goal, { end_time });
    },
  );

  test.each(["2026-02-15T10:00:00.499Z", "2020-01-01T00:00:00Z", "2026-02-15T11:00:00.500+02:00"])(
    "an end of %s is 400",
    async (end_time) => {
      const body = { ...fieldsOf(), start_time, end_time };
      expectInvalid(await call("POST", "/api/v1/tasks/", { body }), "end_time");
    },
  );
});

describe("Data: answers hold ids in lower case, whatever was sent", () => {
  test("in rows and in what they refer to", async () => {
    const own = await createOwner(call);
    const owner = { id: own.id.toUpperCase(), user_id: own.user_id.toUpperCase() };
    const milestone = await createMilestone(call, owner);
    expect(milestone.goal_id).toBe(own.id);
    const task = await createTask(call, owner, { milestone_id: milestone.id.toUpperCase() });
    expect(task).toMatchObject({ user_id: own.user_id, goal_id: own.id, milestone_id: milestone.id });
    const stats = `/api/v1/tasks/statistics?user_id=${owner.user_id}&start_date=2000-01-01T00:00:00Z&end_date=9999-01-01T00:00:00Z`;
    expect(expectStatus(await call("GET", stats), 200)).toMatchObject({ user_id: own.user_id, total_tasks: 1 });
  });
});
