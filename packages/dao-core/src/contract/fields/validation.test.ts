import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { amount } from "../../../../../test/depth.ts";
import { conversationCreateDto, conversationUpdateDto } from "../conversation.ts";
import { demoFlagsPutDto } from "../demo-flags.ts";
import { isDaoError, ValidationError, type ValidationIssue } from "../errors.ts";
import { goalStructureCreateDto } from "../goal.ts";
import { dtoRegistry, exampleOf } from "../index.ts";
import { milestoneCreateDto, milestoneUpdateDto } from "../milestone.ts";
import { bulkUpdateStateRequest, taskCreateDto, taskStatisticsRequest, taskUpdateDto } from "../task.ts";
import { userCreateDto, userUpdateDto } from "../user.ts";
import { parseValid, validate } from "./validation.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

function issuesOf(schema: Parameters<typeof validate>[0], input: unknown): readonly ValidationIssue[] {
  try {
    validate(schema, input);
  } catch (error) {
    if (error instanceof ValidationError) return error.issues;
    throw error;
  }
  return [];
}

describe("the sentence says what must be sent instead", () => {
  test.each([
    [userCreateDto, { name: "Jane" }, { path: "email", message: "is required" }],
    [userUpdateDto, { name: null }, { path: "name", message: "must not be null; send text" }],
    [userUpdateDto, { name: 5 }, { path: "name", message: "must be text" }],
    [userUpdateDto, { name: "" }, { path: "name", message: "must be 1 to 255 characters long, not 0" }],
    [userUpdateDto, { demoMode: 1 }, { path: "demoMode", message: "must be true or false" }],
    [userUpdateDto, { demoMode: null }, { path: "demoMode", message: "must not be null; send true or false" }],
    [userUpdateDto, { preferences: [] }, { path: "preferences", message: "must be a JSON object" }],
    [
      userUpdateDto,
      { email: "jane" },
      { path: "email", message: "must be an e-mail address, such as jane@example.com" },
    ],
    [conversationUpdateDto, { messages: {} }, { path: "messages", message: "must be a JSON array" }],
    [milestoneUpdateDto, { weekNumber: "3" }, { path: "weekNumber", message: "must be a number" }],
    [milestoneUpdateDto, { weekNumber: 1.5 }, { path: "weekNumber", message: "must be a whole number" }],
    [milestoneUpdateDto, { weekNumber: 0 }, { path: "weekNumber", message: "must be at least 1" }],
    [milestoneUpdateDto, { weekNumber: 2 ** 31 }, { path: "weekNumber", message: "must be at most 2147483647" }],
    [milestoneUpdateDto, { weekNumber: null }, { path: "weekNumber", message: "must not be null; send a number" }],
    [
      taskUpdateDto,
      { state: "done" },
      { path: "state", message: 'must be one of "scheduled", "drifted", "completed", "missed"' },
    ],
    [taskUpdateDto, { startTime: 5 }, { path: "startTime", message: expect.stringContaining("must be an instant") }],
    [
      taskUpdateDto,
      { startTime: new Date(2), endTime: new Date(1) },
      { path: "endTime", message: "must not be before the start time" },
    ],
    [
      taskStatisticsRequest,
      { userId: id, startDate: new Date(2), endDate: new Date(1) },
      { path: "endDate", message: "must not be before the start date" },
    ],
    [
      bulkUpdateStateRequest,
      { taskIds: [], newState: "missed" },
      { path: "taskIds", message: "must contain 1 to 1000 ids" },
    ],
    [bulkUpdateStateRequest, { taskIds: [id] }, { path: "newState", message: "is required" }],
    [demoFlagsPutDto, { escalationSpeed: -1 }, { path: "escalationSpeed", message: "must be at least 0" }],
    [demoFlagsPutDto, { escalationSpeed: Number.NaN }, { path: "escalationSpeed", message: "must be a number" }],
    [
      demoFlagsPutDto,
      { escalationSpeed: Number.POSITIVE_INFINITY },
      { path: "escalationSpeed", message: "must be a number" },
    ],
    [userCreateDto, null, { path: "", message: "must not be null; send an object" }],
    [userCreateDto, [], { path: "", message: "must be an object" }],
    [userCreateDto, undefined, { path: "", message: "is required" }],
  ])("%# %o", (schema, input, issue) => {
    expect(issuesOf(schema, input)).toEqual([issue]);
  });
});

describe("validate", () => {
  test("names the place in nested lists as the caller wrote it", () => {
    const title = "x";
    const milestones = [{ weekNumber: 1, title, tasks: [{ title }, { title }, { title: "" }] }, { weekNumber: 0 }];
    const structure = { goal: { userId: id, title }, milestones };
    expect(issuesOf(goalStructureCreateDto, structure).map((issue) => issue.path)).toEqual([
      "milestones.0.tasks.2.title",
      "milestones.1.weekNumber",
      "milestones.1.title",
    ]);
  });

  test("names the place within a JSON column", () => {
    const input = { ...valid.user, preferences: { a: [{ b: "\u0000" }] } };
    expect(issuesOf(userCreateDto, input).map((issue) => issue.path)).toEqual(["preferences.a.0.b"]);
  });

  test("finds every broken rule, and the error summarizes them", () => {
    const input = { name: "", email: 5, demoMode: "true" };
    expect(issuesOf(userCreateDto, input).map((issue) => issue.path)).toEqual(["name", "email", "demoMode"]);
    expect(() => validate(userCreateDto, input)).toThrow("name must be 1 to 255 characters long, not 0 (and 2 more).");
  });

  test("throws a DaoError with code and cause", () => {
    try {
      validate(userCreateDto, {});
      expect.unreachable();
    } catch (error) {
      expect(isDaoError(error)).toBe(true);
      expect(error).toMatchObject({ code: "validation_failed", name: "ValidationError", cause: expect.any(Error) });
    }
  });

  test("drops unknown fields, also __proto__, and does not change the input", () => {
    const input = JSON.parse(
      `{"name": "Jane", "email": "jane@example.com", "colour": 1, "__proto__": {"demoMode": true}}`,
    );
    const before = JSON.stringify(input);
    expect(validate(userCreateDto, input)).toEqual({ ...valid.user, preferences: {}, demoMode: false });
    expect(JSON.stringify(input)).toBe(before);
  });
});

/** Values that are valid in some fields, and doubtful or wrong in others. */
const anyField = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    "",
    "a\u0000",
    "\ud800",
    "🙂".repeat(200),
    "scheduled",
    "time",
    id,
    id.toUpperCase(),
  ),
  fc.constantFrom<unknown>(
    0,
    1,
    1.5,
    Number.NaN,
    true,
    [],
    [id],
    {},
    new Date(0),
    new Date(Number.NaN),
    new Date(-1e15),
  ),
  fc.anything({ withDate: true, withNullPrototype: true, withSparseArray: true }),
);

/** An example with every field. */
function wholeExampleOf(schema: z.core.$ZodType): unknown {
  if (schema instanceof z.ZodObject) {
    return Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => [name, wholeExampleOf(field)]));
  }
  if (schema instanceof z.ZodArray) return exampleOf(schema) ?? [wholeExampleOf(schema.element)];
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return wholeExampleOf(schema.unwrap());
  return exampleOf(schema);
}

/** `value` with some of its members, at any depth, replaced, removed or added. */
function changed(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== "object" || value === null || value instanceof Date) {
    return fc.oneof({ weight: 15, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: anyField });
  }
  if (Array.isArray(value)) return fc.array(fc.oneof(...value.map(changed)), { maxLength: 3 });
  const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, changed(member)]));
  const others = fc.dictionary(fc.string(), anyField, { maxKeys: 1 });
  const removed = fc.subarray(Object.keys(value), { maxLength: Math.min(2, Object.keys(value).length) });
  return fc.tuple(others, fc.record(members), removed).map(([more, own, without]) => {
    const input: Record<string, unknown> = { ...more, ...own };
    for (const name of without) delete input[name];
    return input;
  });
}

test.each([...dtoRegistry._idmap])("parses %s as zod does", (_, schema) => {
  if (!(schema instanceof z.ZodType)) return;
  fc.assert(
    fc.property(changed(wholeExampleOf(schema)), (input) => {
      expect(parseValid(schema, input)).toEqual(schema.safeParse(input).data);
    }),
    { numRuns: amount(100, 5_000) },
  );
});

const valid = {
  user: { name: "Jane", email: "jane@example.com" },
  task: { userId: id.toUpperCase(), goalId: id, title: "Run" },
};

describe("defaults (contract, Data)", () => {
  test("of a user", () => {
    const defaults = { ...valid.user, preferences: {}, demoMode: false };
    expect(validate(userCreateDto, valid.user)).toEqual(defaults);
    expect(validate(userCreateDto, { ...valid.user, preferences: null })).toEqual(defaults);
    expect(validate(userUpdateDto, {})).toEqual({});
    expect(validate(userUpdateDto, { preferences: null })).toEqual({ preferences: {} });
    expect(validate(userUpdateDto, { name: undefined, preferences: undefined })).not.toHaveProperty("preferences", {});
  });

  test("of a milestone", () => {
    const milestone = { goalId: id, weekNumber: 1, title: "Base" };
    expect(validate(milestoneCreateDto, milestone)).toEqual({ ...milestone, status: "pending" });
  });

  test("of a task", () => {
    expect(validate(taskCreateDto, valid.task)).toEqual({
      ...valid.task,
      userId: id,
      milestoneId: null,
      startTime: null,
      endTime: null,
      state: "scheduled",
      priority: "standard",
      triggerType: "time",
      isRecurring: false,
      calendarEventId: null,
    });
    expect(validate(taskUpdateDto, {})).toEqual({});
  });

  test("of a goal structure", () => {
    const goal = { userId: id, title: "Goal" };
    const defaults = { ...goal, category: null, timeline: null, status: "active" };
    expect(validate(goalStructureCreateDto, { goal })).toEqual({ goal: defaults, milestones: [] });
    const milestones = [{ weekNumber: 1, title: "Base" }];
    expect(validate(goalStructureCreateDto, { goal, milestones }).milestones).toEqual([
      { weekNumber: 1, title: "Base", status: "pending", tasks: [] },
    ]);
  });

  test("of a conversation", () => {
    const conversation = { userId: id, goalId: id };
    const defaults = { ...conversation, messages: [], status: "open" };
    expect(validate(conversationCreateDto, conversation)).toEqual(defaults);
    expect(validate(conversationCreateDto, { ...conversation, messages: null })).toEqual(defaults);
    expect(validate(conversationUpdateDto, { messages: null })).toEqual({ messages: [] });
  });

  test("of demo flags", () => {
    expect(validate(demoFlagsPutDto, {})).toEqual({ virtualNow: null, escalationSpeed: 1 });
  });
});
