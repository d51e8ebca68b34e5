import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { createConversation, createOwner, createUser, type GoalRow, type UserRow, uniqueEmail } from "./rows.ts";
import { useRestServer } from "./server.ts";

const { call } = useRestServer();

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

const postUser = (fields: string) =>
  call<UserRow>("POST", "/api/v1/users/", { body: `{"name": "x", "email": "${uniqueEmail()}", ${fields}}` });
const postMilestone = (week: string) =>
  call("POST", "/api/v1/milestones/", { body: `{"goal_id": "${goal.id}", "title": "m", "week_number": ${week}}` });
const postTask = (fields: object) =>
  call("POST", "/api/v1/tasks/", { body: { user_id: goal.user_id, goal_id: goal.id, title: "t", ...fields } });
const putSpeed = (speed: string) =>
  call("PUT", `/api/v1/demo-flags/${goal.user_id}`, { body: `{"escalation_speed": ${speed}}` });

describe("Data: NUL and unpaired surrogates are a validation error (500 in the Python service)", () => {
  const bad = ["\\u0000", "a\\u0000b", "\\ud800", "\\udc00", "\\udc00\\ud800", "x\\ud83d"];

  test.each(bad)("%s in free text", async (text) => {
    const user = `{"name": "${text}", "email": "${uniqueEmail()}"}`;
    expectInvalid(await call("POST", "/api/v1/users/", { body: user }), "name");
    for (const field of ["title", "category", "timeline", "status"]) {
      const body = `{"title": "t", "user_id": "${goal.user_id}", "${field}": "${text}"}`;
      expectInvalid(await call("POST", "/api/v1/goals/", { body }), field);
      expectInvalid(await call("PATCH", `/api/v1/goals/${goal.id}`, { body: `{"${field}": "${text}"}` }), field);
    }
    const link = `{"title": "t", "user_id": "${goal.user_id}", "goal_id": "${goal.id}", "calendar_event_id": "${text}"}`;
    expectInvalid(await call("POST", "/api/v1/tasks/", { body: link }), "calendar_event_id");
  });

  test.each(bad)("%s in an e-mail address", async (text) => {
    const body = `{"name": "x", "email": "${text}@example.com"}`;
    expectInvalid(await call("POST", "/api/v1/users/", { body }), "email");
  });

  test.each(bad)("%s in JSON values and keys, at any depth", async (text) => {
    for (const preferences of [
      `{"a": "${text}"}`,
      `{"a": [{"b": "${text}"}]}`,
      `{"${text}": 1}`,
      `{"a": {"${text}": 1}}`,
    ]) {
      const { errors } = expectProblem(await postUser(`"preferences": ${preferences}`), 400);
      expect(errors?.[0]?.path).toMatch(/^preferences\b/);
    }
    const body = `{"user_id": "${goal.user_id}", "goal_id": "${goal.id}", "messages": [{"content": "${text}"}]}`;
    expect(expectProblem(await call("POST", "/api/v1/conversations/", { body }), 400).errors?.[0]?.path).toMatch(
      /^messages\b/,
    );
  });

  test("%s in ids, enums and instants is rejected like any other invalid text", async () => {
    for (const text of ["\u0000", "\ud800"]) {
      expectInvalid(await postTask({ goal_id: text, state: text, start_time: text }), "goal_id", "state", "start_time");
    }
  });

  test("any other Unicode is stored unchanged", async () => {
    const text =
      "\u0001\u0007\u001f\u007f\u0085\u00a0\u200b\u2028\u202e\ufeff\ufffd\uffff\u{1f600}\u{10ffff}e\u0301é'\"\\";
    const user = await createUser(call, { name: text, preferences: { [text]: [text] } });
    expect(user).toMatchObject({ name: text, preferences: { [text]: [text] } });
    expect(expectStatus(await call("GET", `/api/v1/users/${user.id}`), 200)).toStrictEqual(user);
  });

  test("a surrogate pair in two escapes is one character", async () => {
    const user = expectStatus(await postUser('"preferences": {"a": "\\ud83d\\ude00"}'), 201);
    expect(user.preferences).toStrictEqual({ a: "😀" });
  });
});

describe("Data: JSON types are not coerced", () => {
  test.each([
    ["number as text", { title: 3 }, "title"],
    ["list as text", { title: ["t"] }, "title"],
    ["object as text", { title: { toString: "t" } }, "title"],
    ["true as text", { title: true }, "title"],
    ["1 as a boolean", { is_recurring: 1 }, "is_recurring"],
    ['"true" as a boolean', { is_recurring: "true" }, "is_recurring"],
    ["null as a boolean", { is_recurring: null }, "is_recurring"],
    ["an enum's value in a list", { state: ["scheduled"] }, "state"],
    ["an enum's value in a list of lists", { state: [["scheduled"]] }, "state"],
    ["an enum's value in an object", { state: { value: "scheduled" } }, "state"],
    ["an enum's position", { priority: 0 }, "priority"],
    ["an enum's value in another case", { priority: "STANDARD" }, "priority"],
    ["an enum's value with spaces", { trigger_type: " time " }, "trigger_type"],
    ["a name on Object.prototype as an enum's value", { trigger_type: "__proto__" }, "trigger_type"],
    ["null as an enum's value", { trigger_type: null }, "trigger_type"],
    ["a number as an id", { milestone_id: 1 }, "milestone_id"],
    ["an empty text as null", { milestone_id: "" }, "milestone_id"],
    ["false as null", { calendar_event_id: false }, "calendar_event_id"],
  ])("%s: 400", async (_, fields, path) => {
    expectInvalid(await postTask(fields), path);
  });

  test.each(['"3"', "true", "null", "[3]", "{}", '""'])("week_number %s: 400", async (week) => {
    expectInvalid(await postMilestone(week), "week_number");
  });

  test.each(["[]", '"{}"', "1", "true", '[["a", 1]]'])("preferences %s is not an object: 400", async (preferences) => {
    expectInvalid(await postUser(`"preferences": ${preferences}`), "preferences");
  });

  test.each(["{}", '"[]"', "1", '{"length": 0}'])("messages %s is not an array: 400", async (messages) => {
    const body = `{"user_id": "${goal.user_id}", "goal_id": "${goal.id}", "messages": ${messages}}`;
    expectInvalid(await call("POST", "/api/v1/conversations/", { body }), "messages");
  });
});

describe("Data: numbers out of range are a validation error (500 in the Python service)", () => {
  test.each([
    "0",
    "-1",
    "1.5",
    "2147483648",
    "9007199254740993",
    "1e400",
    "-1e400",
    "1e-400",
    "99999999999999999999999",
  ])("week_number %s: 400", async (week) => {
    expectInvalid(await postMilestone(week), "week_number");
  });

  test.each([
    ["1", 1],
    ["2147483647", 2_147_483_647],
    ["1.0", 1],
    ["1e2", 100],
  ])("week_number %s is read as %d", async (week, week_number) => {
    expect(expectStatus(await postMilestone(week), 201)).toMatchObject({ week_number });
  });

  test.each(["1e400", "-1e400", "-1e-3"])("escalation_speed %s: 400", async (speed) => {
    expectInvalid(await putSpeed(speed), "escalation_speed");
  });

  const unheld = [
    "1e400",
    "-1e400",
    "9007199254740993",
    "-9007199254740993",
    "12345678901234567890",
    `1${"0".repeat(40)}`,
  ];

  test.each(unheld)(
    "a number in a JSON column that no double represents, such as %s, is 400 and advises to send text",
    async (number) => {
      const expectRefused = (answer: Answer<unknown>, path: string) => {
        expect(expectProblem(answer, 400).errors).toEqual([{ path, message: expect.stringContaining("as text") }]);
      };
      expectRefused(
        await postUser(`"preferences": {"a \\" \\\\": "", "b": [0.5, {"c": ${number}}]}`),
        "preferences.b.1.c",
      );
      const user = `/api/v1/users/${goal.user_id}`;
      expectRefused(await call("PATCH", user, { body: `{"preferences":{"a":${number}}}` }), "preferences.a");
      const owner = `"user_id": "${goal.user_id}"`;
      const created = await call("POST", "/api/v1/conversations/", {
        body: `{${owner}, "messages": [[1, ${number} ]]}`,
      });
      expectRefused(created, "messages.0.1");
      const { id } = await createConversation(call, goal);
      const path = `/api/v1/conversations/${id}`;
      expectRefused(await call("PATCH", path, { body: `{"messages": [${number}]}` }), "messages.0");
      expectRefused(await call("POST", `${path}/messages`, { body: `{"messages": [${number}]}` }), "messages.0");
      const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
      const keyed = { body: `{"name": "x", "email": "${uniqueEmail()}", "preferences": {"a": ${number}}}`, headers };
      for (let times = 0; times < 2; times++)
        expectRefused(await call("POST", "/api/v1/users/", keyed), "preferences.a");
    },
  );

  test("many digits in text, a key or a fraction are accepted, and every number that JavaScript represents", async () => {
    const digits = "12345678901234567890";
    const preferences = `{"${digits}": "${digits}", "\\"${digits}": [0.1234567890123456789, ${2 ** 53}, -${2 ** 53}, 1e21]}`;
    expect(expectStatus(await postUser(`"preferences": ${preferences}`), 201).preferences).toStrictEqual({
      [digits]: digits,
      [`"${digits}`]: [0.12345678901234568, 2 ** 53, -(2 ** 53), 1e21],
    });
  });

  test("a number field reports its own rule", async () => {
    expect(expectStatus(await putSpeed("9223372036854775808"), 200)).toMatchObject({ escalation_speed: 2 ** 63 });
  });

  test("the smallest and the largest double pass through a JSON column", async () => {
    const preferences = { a: 5e-324, b: 1.7976931348623157e308, c: -0.1, d: 0.1 + 0.2, e: Number.MAX_SAFE_INTEGER };
    expect((await createUser(call, { preferences })).preferences).toStrictEqual(preferences);
  });
});

describe("REST: JSON columns pass through untouched, keys included", () => {
  test("including keys in camelCase, in snake_case, empty, numeric and unusual ones", async () => {
    const preferences = {
      userId: 1,
      user_id: 2,
      createdAt: { demoMode: [{ pageSize: 1 }] },
      "": null,
      "10": "ten",
      "2": "two",
      "a.b": { "c d": [] },
      $ref: "#/x",
      "2026-02-15T10:00:00Z": "2026-02-15T10:00:00+02:00",
    };
    const user = await createUser(call, { preferences });
    expect(user.preferences).toStrictEqual(preferences);
    expect(expectStatus(await call("GET", `/api/v1/users/${user.id}`), 200)).toStrictEqual(user);
  });

  test("`__proto__` and `constructor` are ordinary keys, and pollute nothing", async () => {
    const preferences =
      '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}, "hasOwnProperty": 1}';
    const created = await postUser(`"preferences": ${preferences}`);
    const { id } = expectStatus(created, 201);
    for (const answer of [created, await call<UserRow>("GET", `/api/v1/users/${id}`)]) {
      const stored: object = answer.body.preferences;
      expect(Object.keys(stored).sort()).toEqual(["__proto__", "constructor", "hasOwnProperty"]);
      expect(JSON.stringify(stored)).toContain('"__proto__":{"polluted":true}');
    }
    expect(Object.keys(await createUser(call))).not.toContain("polluted");
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test("`__proto__` in a body is an unknown field, without effect", async () => {
    const user = expectStatus(
      await postUser('"__proto__": {"demo_mode": true, "preferences": {"a": 1}}, "constructor": 1'),
      201,
    );
    expect(user).toMatchObject({ demo_mode: false, preferences: {} });
    const body = `{"__proto__": {"name": "x", "email": "${uniqueEmail()}"}}`;
    expectInvalid(await call("POST", "/api/v1/users/", { body }), "name", "email");
    const patched = await call("PATCH", `/api/v1/users/${user.id}`, { body: '{"__proto__": {"name": "changed"}}' });
    expect(expectStatus(patched, 200)).toStrictEqual(user);
  });

  test("the last of duplicate keys counts, as in other JSON parsers", async () => {
    expect(expectStatus(await postUser('"demo_mode": false, "demo_mode": true'), 201).demo_mode).toBe(true);
  });
});

describe("REST: unknown body fields are ignored, as the Python service did", () => {
  test("also camelCase ones, whatever their value", async () => {
    const fields = { demoMode: "x", createdAt: 1, userId: null, colour: { deep: [1] }, "": 1, toString: "x" };
    expect((await createUser(call, fields)).demo_mode).toBe(false);
    expect(expectStatus(await postTask({ startTime: "never", isRecurring: 1, triggerType: [] }), 201)).toMatchObject({
      start_time: null,
      is_recurring: false,
      trigger_type: "time",
    });
  });

  test("and do not replace required ones", async () => {
    expectInvalid(await call("POST", "/api/v1/goals/", { body: { userId: goal.user_id, title: "x" } }), "user_id");
    const body = { taskIds: [goal.id], newState: "missed" };
    expectInvalid(await call("POST", "/api/v1/tasks/bulk-update-state", { body }), "task_ids", "new_state");
  });
});
