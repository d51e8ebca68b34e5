import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "../rest/answer.ts";
import {
  type ConversationRow,
  createConversation,
  createOwner,
  createUser,
  type GoalRow,
  type UserRow,
  uniqueEmail,
} from "../rest/rows.ts";
import { useRestServer } from "../rest/server.ts";

const { call } = useRestServer();

/** The prototypes of everything that JSON can hold, and of functions, which lead to others. */
const PROTOTYPES = [Object, Array, String, Number, Boolean, Function, Date, Map].map(({ prototype }) => prototype);
const propertiesOf = (prototype: object) =>
  Reflect.ownKeys(prototype).map((key) => [key, Object.getOwnPropertyDescriptor(prototype, key)?.value]);
const properties = PROTOTYPES.map(propertiesOf);

/** Every name by which a careless merge, copy or path reaches a prototype; JSON text, since a literal would set one. */
const HOSTILE = `{
  "__proto__": {"polluted": "yes", "toString": 1, "demo_mode": true},
  "constructor": {"prototype": {"polluted": "yes"}, "name": "x"},
  "prototype": {"polluted": "yes"},
  "__defineGetter__": 1, "__lookupSetter__": 1, "hasOwnProperty": 1, "toString": 1, "valueOf": 1, "toJSON": 1, "then": 1,
  "__proto__.polluted": "yes", "constructor.prototype.polluted": "yes", "__proto__[polluted]": "yes",
  "list": [{"__proto__": {"polluted": "yes"}}, [[{"__proto__": null}]]]
}`;
const KEYS = Object.keys(JSON.parse(HOSTILE)).toSorted();

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

afterAll(() => {
  expect(PROTOTYPES.map(propertiesOf)).toEqual(properties);
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

/** The JSON is the one that was sent, with its hostile names as ordinary keys. */
function expectKept(stored: unknown): void {
  expect(typeof stored === "object" && stored !== null && Object.keys(stored).toSorted()).toEqual(KEYS);
  expect(Object.getPrototypeOf(stored)).toBe(Object.prototype);
  // Not by toEqual, which ignores `__proto__`.
  expect(sorted(stored)).toBe(sorted(JSON.parse(HOSTILE)));
}

/** JSON text with sorted keys, since `jsonb` has an order of its own. */
function sorted(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sorted).join()}]`;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${sorted(member)}`).join()}}`;
}

describe("no key of JSON reaches a prototype", () => {
  test("in preferences they are plain data: on POST, on PATCH, in rows and in lists", async () => {
    const email = uniqueEmail();
    const created = await call<UserRow>("POST", "/api/v1/users/", {
      body: `{"name": "x", "email": "${email}", "preferences": ${HOSTILE}}`,
    });
    const user = expectStatus(created, 201);
    expectKept(user.preferences);
    const patch = { body: `{"preferences": ${HOSTILE}}` };
    expectKept(expectStatus(await call<UserRow>("PATCH", `/api/v1/users/${user.id}`, patch), 200).preferences);
    expectKept(expectStatus(await call<UserRow>("GET", `/api/v1/users/${user.id}`), 200).preferences);
    const list = await call<{ items: UserRow[] }>("GET", `/api/v1/users/?email=${email}`);
    expectKept(expectStatus(list, 200).items[0]?.preferences);
  });

  test("in messages too: on POST, on PATCH, and appended", async () => {
    const body = `{"user_id": "${goal.user_id}", "goal_id": "${goal.id}", "messages": [${HOSTILE}]}`;
    const { id, messages } = expectStatus(await call<ConversationRow>("POST", "/api/v1/conversations/", { body }), 201);
    expectKept(messages[0]);
    const path = `/api/v1/conversations/${id}`;
    const patched = await call<ConversationRow>("PATCH", path, { body: `{"messages": [1, ${HOSTILE}]}` });
    expectKept(expectStatus(patched, 200).messages[1]);
    expectStatus(await call("POST", `${path}/messages`, { body: `{"messages": [${HOSTILE}]}` }), 200);
    expectKept(expectStatus(await call<ConversationRow>("GET", path), 200).messages[2]);
  });

  test("as fields of a body they are unknown, and set no other field, at any depth", async () => {
    const user = await createUser(call);
    const conversation = await createConversation(call, goal);
    const patches = [
      [`/api/v1/users/${user.id}`, user],
      [`/api/v1/goals/${goal.id}`, goal],
      [`/api/v1/conversations/${conversation.id}`, conversation],
    ] as const;
    for (const [path, row] of patches) {
      expect(expectStatus(await call("PATCH", path, { body: HOSTILE }), 200)).toStrictEqual(row);
    }
    // The end of an object.
    const rest = HOSTILE.slice(1);
    const task = `{"title": "t", ${rest}`;
    const milestone = `{"week_number": 1, "title": "m", "tasks": [${task}], ${rest}`;
    const body = `{"goal": {"user_id": "${goal.user_id}", "title": "x", ${rest}, "milestones": [${milestone}], ${rest}`;
    const structure = expectStatus(await call<GoalRow>("POST", "/api/v1/goals/with-structure", { body }), 201);
    expect(structure).toMatchObject({ milestones: [{ title: "m" }], tasks: [{ title: "t", state: "scheduled" }] });
    expect(JSON.stringify(structure)).not.toMatch(/polluted|prototype/);
    const alone = { body: `{"__proto__": {"user_id": "${goal.user_id}", "title": "x"}}` };
    expectProblem(await call("POST", "/api/v1/goals/", alone), 400);
  });

  test.each(["__proto__", "constructor", "prototype", "toString", "__proto__[user_id]", "constructor.prototype.x"])(
    "as the name of a parameter, %s is unknown",
    async (name) => {
      for (const path of ["/api/v1/users/", "/api/v1/tasks/", `/api/v1/users/${goal.user_id}`]) {
        const query = `${encodeURIComponent(name)}=${goal.user_id}`;
        const { errors } = expectProblem(await call("GET", `${path}?${query}`), 400);
        expect(errors).toEqual([{ path: name, message: "is not a known parameter" }]);
      }
    },
  );

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "nor as a segment of the path, %s",
    async (name) => {
      expectProblem(await call("GET", `/api/v1/users/${name}`), 400);
      expectProblem(await call("GET", `/api/v1/${name}`), 404);
      expectProblem(await call("GET", `/${name}`), 404);
      expectProblem(await call(name === "toString" ? "PUT" : "GET", `/api/v1/tasks/${goal.id}/${name}`), 404);
    },
  );

  test("as the value of an enum or the name of a key they match nothing", async () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      expectProblem(await call("GET", `/api/v1/tasks/?state=${name}`), 400);
      expectProblem(await call("GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": name } }), 403);
    }
  });
});
