import assert from "node:assert/strict";
import type { JsonObject, JsonValue } from "../../contract/fields/json.ts";
import type { DaoServices } from "../../contract/services.ts";
import { makeConversationData, makeUserData } from "../factories.ts";
import { assertInvalid, assertInvalidWithin } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** As a parser returns it, with `__proto__` as an ordinary key. */
const treacherous: JsonObject = JSON.parse(`{
  "__proto__": { "polluted": true, "constructor": { "prototype": { "polluted": true } } },
  "constructor": "text", "toString": null, "hasOwnProperty": 1, "length": 0, "then": "go", "toJSON": "x"
}`);

/** JSON that a layer would change that maps names, dates or numbers by their form. */
const stubborn: JsonObject = {
  ...treacherous,
  user_id: "a",
  userId: "b",
  created_at: "2026-02-15T10:00:00Z",
  nested: { snake_case: { camelCase: [{ task_ids: [1], taskIds: [2] }] } },
  "": "the empty key",
  "ключ 🙂 \"quoted\" \\ 'x'; DROP TABLE users": "значение\n\t\\u0000 \\",
  " spaced ": "  not trimmed  ",
  numbers: [0, 0.1, -1.5, 1e-7, 5e-324, 1e21, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  literals: [true, false, null, "", "null", "true", "0", [], {}, [[]], [{}], [null]],
};

/** `[]` is 1 deep. */
const MAX_DEPTH = 64;

interface JsonColumn {
  readonly name: string;
  readonly field: string;
  readonly empty: JsonValue;
  /** JSON of the wrong kind for this column. */
  readonly wrongKinds: readonly unknown[];
  /** Wraps `value` so that this column can hold it. */
  wrap(value: unknown): unknown;
  create(services: DaoServices, value: unknown): Promise<{ readonly id: string; readonly stored: JsonValue }>;
  update(services: DaoServices, id: string, value: unknown): Promise<JsonValue>;
  read(services: DaoServices, id: string): Promise<JsonValue>;
}

const preferences: JsonColumn = {
  name: "user preferences",
  field: "preferences",
  empty: {},
  wrongKinds: [[], [{}], "{}", "", 0, true],
  wrap: (value) => ({ value }),
  async create({ users }, value) {
    const user = await users.createUser(untyped(makeUserData(), { preferences: value }));
    return { id: user.id, stored: user.preferences };
  },
  update: async ({ users }, id, value) => (await users.updateUser(id, untyped({}, { preferences: value }))).preferences,
  read: async ({ users }, id) => (await users.getUser(id)).preferences,
};

const messages: JsonColumn = {
  name: "conversation messages",
  field: "messages",
  empty: [],
  wrongKinds: [{}, { 0: "a", length: 1 }, "[]", "", 0, true],
  wrap: (value) => [value],
  async create(services, value) {
    const { user, goal } = await createOwner(services);
    const input = untyped(makeConversationData(user.id, goal.id), { messages: value });
    const conversation = await services.conversations.createConversation(input);
    return { id: conversation.id, stored: conversation.messages };
  },
  update: async ({ conversations }, id, value) =>
    (await conversations.updateConversation(id, untyped({}, { messages: value }))).messages,
  read: async ({ conversations }, id) => (await conversations.getConversation(id)).messages,
};

/** A value that nests `depth` deep: `[[]]` is 2. */
function nested(depth: number, kind: "objects" | "arrays"): unknown {
  let value: unknown = kind === "arrays" ? [] : {};
  for (let level = 1; level < depth; level++) value = kind === "arrays" ? [value] : { deeper: value };
  return value;
}

/** Values that JSON or PostgreSQL cannot represent. */
const unstorable: readonly unknown[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 53 + 2,
  { deep: [-(2 ** 60)] },
  "a\u0000b",
  "\ud83d",
  "\ude00\ud83d",
  { deep: [{ text: "x\u0000" }] },
  { "key\u0000": 1 },
  { "key\ud83d": 1 },
  { deep: [{ "\ude00": null }] },
  // A gap, which JSON would fill with null.
  new Array(1),
  { deep: [{ member: undefined }] },
];

function columnCases(column: JsonColumn): ContractCase[] {
  const { name, field } = column;
  return [
    {
      name: `contract, Data and REST: ${name} pass through untouched, keys included`,
      async run(services) {
        const value = column.wrap(stubborn);
        const { id, stored } = await column.create(services, value);
        assert.deepEqual(stored, value);
        assert.deepEqual(await column.read(services, id), value);
        const other = column.wrap([stubborn, treacherous]);
        assert.deepEqual(await column.update(services, id, other), other);
        assert.deepEqual(await column.read(services, id), other);
        assert.equal(Reflect.get({}, "polluted"), undefined, "no key reaches a prototype");
      },
    },
    {
      name: `contract, Data: ${name} null means empty, and so does omitting them at creation`,
      async run(services) {
        for (const value of [null, undefined, column.empty]) {
          const { id, stored } = await column.create(services, value);
          assert.deepEqual(stored, column.empty);
          assert.deepEqual(await column.read(services, id), column.empty);
        }
        const { id } = await column.create(services, column.wrap("something"));
        assert.deepEqual(await column.update(services, id, undefined), column.wrap("something"));
        assert.deepEqual(await column.update(services, id, null), column.empty);
        assert.deepEqual(await column.read(services, id), column.empty);
      },
    },
    {
      name: `contract, REST: PATCH replaces ${name} as a whole, and never merges them`,
      async run(services) {
        const { id } = await column.create(services, column.wrap({ kept: false, a: 1 }));
        assert.deepEqual(await column.update(services, id, column.wrap({ b: 2 })), column.wrap({ b: 2 }));
        assert.deepEqual(await column.read(services, id), column.wrap({ b: 2 }));
      },
    },
    {
      name: `contract, Data: ${name} nest at most ${MAX_DEPTH} deep`,
      async run(services) {
        const { id } = await column.create(services, null);
        for (const kind of ["objects", "arrays"] as const) {
          const deepest = column.wrap(nested(MAX_DEPTH - 1, kind));
          assert.deepEqual((await column.create(services, deepest)).stored, deepest);
          assert.deepEqual(await column.update(services, id, deepest), deepest);
          for (const depth of [MAX_DEPTH, 2_000]) {
            await assertInvalidWithin(column.create(services, column.wrap(nested(depth, kind))), field);
            await assertInvalidWithin(column.update(services, id, column.wrap(nested(depth, kind))), field);
          }
        }
      },
    },
    {
      name: `contract, Data: ${name} refuse NUL, unpaired surrogates and numbers that a double cannot represent, in keys and values`,
      async run(services) {
        const { id } = await column.create(services, null);
        for (const value of unstorable) {
          await assertInvalidWithin(column.create(services, column.wrap(value)), field);
          await assertInvalidWithin(column.update(services, id, column.wrap(value)), field);
        }
        assert.deepEqual(await column.read(services, id), column.empty);
      },
    },
    {
      name: `contract, Data: ${name} are of one kind of JSON, and no other is coerced`,
      async run(services) {
        const { id } = await column.create(services, null);
        for (const value of column.wrongKinds) {
          await assertInvalid(column.create(services, value), field);
          await assertInvalid(column.update(services, id, value), field);
        }
      },
    },
  ];
}

/** The two columns that contain the caller's JSON. */
export const jsonCases: readonly ContractCase[] = [preferences, messages].flatMap(columnCases);
