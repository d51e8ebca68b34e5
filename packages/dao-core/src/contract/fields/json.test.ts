import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findJsonProblem, jsonArray, jsonObject, MAX_JSON_DEPTH } from "./json.ts";

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < depth; level++) value = level % 2 === 0 ? [value] : { deeper: value };
  return value;
}

/** What is stored and read back: JSON has no negative zero, and its objects have a prototype. */
function roundTrip(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

class Point {
  readonly x = 1;
}

describe("findJsonProblem", () => {
  test.each([
    [null],
    [true],
    [0],
    [-1.5e300],
    [2 ** 53],
    [-(2 ** 53)],
    [1e21],
    [""],
    ["🙂 \uffff"],
    [[]],
    [{}],
    [[[{ a: [null, { b: "c" }] }]]],
    [JSON.parse('{"__proto__": {"constructor": 1}, "toString": 2, "": 3}')],
    [Object.assign(Object.create(null), { a: 1 })],
  ])("finds none in %j", (value) => {
    expect(findJsonProblem(value)).toBeUndefined();
  });

  test.each([
    ["NaN", Number.NaN, [], "finite"],
    ["Infinity", Number.POSITIVE_INFINITY, [], "finite"],
    ["a whole number beyond 2⁵³", { a: [2 ** 53 + 2] }, ["a", 0], "as text"],
    ["one below −2⁵³", -(2 ** 60), [], "as text"],
    ["undefined", undefined, [], "undefined"],
    ["a function", () => 1, [], "function"],
    ["a symbol", Symbol("x"), [], "symbol"],
    ["a bigint", 1n, [], "bigint"],
    ["a Date", new Date(0), [], "plain JSON"],
    ["a Map", new Map(), [], "plain JSON"],
    ["a boxed number", Object(1), [], "plain JSON"],
    ["a typed array", new Uint8Array(1), [], "plain JSON"],
    ["an instance of a class", new Point(), [], "plain JSON"],
    ["NUL in a value", { a: ["x", { b: "y\u0000" }] }, ["a", 1, "b"], "NUL"],
    ["a lone surrogate in a value", ["\ud83d"], [0], "surrogate"],
    ["NUL in a key", { a: { "b\u0000": 1 } }, ["a"], "a key that contains the NUL"],
    ["a lone surrogate in a key", [{ "\ude00": 1 }], [0], "a key that contains an unpaired surrogate"],
    ["a hole in a list", Object.assign([], { length: 2 }), [0], "undefined"],
    ["an undefined member", { a: 1, b: undefined }, ["b"], "undefined"],
    ["a method", { toJSON: () => "x" }, ["toJSON"], "function"],
    ["something deep under __proto__", JSON.parse('{"__proto__": {"a": "\\u0000"}}'), ["__proto__", "a"], "NUL"],
  ])("finds %s", (_, value, path, words) => {
    expect(findJsonProblem(value)).toEqual({ path, message: expect.stringContaining(words) });
  });

  test(`permits a depth of ${MAX_JSON_DEPTH}, and no more`, () => {
    expect(MAX_JSON_DEPTH).toBe(64);
    expect(findJsonProblem(nested(64))).toBeUndefined();
    expect(findJsonProblem(nested(65))).toEqual({
      path: expect.any(Array),
      message: "must nest at most 64 deep",
    });
    expect(findJsonProblem(nested(200_000))?.message).toContain("at most 64 deep");
  });

  test("scalars do not count as a level", () => {
    const deepest = JSON.parse(`${"[".repeat(64)}"text"${"]".repeat(64)}`);
    expect(findJsonProblem(deepest)).toBeUndefined();
  });

  test("terminates on a cycle", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = [cycle];
    expect(findJsonProblem(cycle)?.message).toContain("at most 64 deep");
  });

  test("never throws, and a value without a problem is read back unchanged", () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        if (findJsonProblem(value) === undefined) expect(roundTrip(value)).toEqual(plain(value));
      }),
      { numRuns: 300 },
    );
  });

  test("finds nothing in what a JSON parser made, but for NUL, lone surrogates, depth and long whole numbers", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (source) => {
        const isRefused = /\\u0000|\\ud[89a-f]|(?<![\d.])\d{16}/i.test(source);
        const value: unknown = JSON.parse(source);
        fc.pre(!isRefused);
        expect(findJsonProblem(value)).toBeUndefined();
        expect(roundTrip(value)).toEqual(plain(value));
      }),
    );
  });
});

/** `value` with 0 for -0, which JSON text cannot tell apart. */
function plain(value: unknown): unknown {
  if (typeof value === "number") return value + 0;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, plain(member)]);
  return Object.fromEntries(entries);
}

describe("jsonObject and jsonArray", () => {
  test("pass their value on by reference", () => {
    const object = JSON.parse('{"__proto__": {"polluted": true}, "user_id": 1, "userId": 2}');
    expect(jsonObject().parse(object)).toBe(object);
    const array = [object];
    expect(jsonArray().parse(array)).toBe(array);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test.each([null, undefined, [], "{}", 1, true])("%j is not a JSON object", (value) => {
    const { error } = jsonObject().safeParse(value);
    expect(error?.issues.map((issue) => issue.message)).toEqual(["must be a JSON object"]);
  });

  test.each([null, undefined, {}, "[]", 1, { length: 0 }])("%j is not a JSON array", (value) => {
    const { error } = jsonArray().safeParse(value);
    expect(error?.issues.map((issue) => issue.message)).toEqual(["must be a JSON array"]);
  });

  test("say where within the value the problem is", () => {
    const { error } = jsonObject().safeParse({ a: [1, { b: Number.NaN }] });
    expect(error?.issues.map((issue) => issue.path)).toEqual([["a", 1, "b"]]);
  });
});
