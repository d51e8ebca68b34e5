import { parseInstant } from "@flux/dao-core/contract";
import { describe, expect, test, vi } from "vitest";
import { decode, encode, fieldNameOf, toCamelCase, toFieldPath, toSnakeCase, toWirePath } from "./json.ts";

const reading = { instant: parseInstant, nameOf: toCamelCase, maxItems: 3 };
const decodeJson = (text: string) => decode(JSON.parse(text), reading);

describe("names", () => {
  test.each([
    ["id", "id"],
    ["userId", "user_id"],
    ["calendarEventId", "calendar_event_id"],
    ["hasNext", "has_next"],
  ])("%s is %s", (camel, snake) => {
    expect(toSnakeCase(camel)).toBe(snake);
    expect(toCamelCase(snake)).toBe(camel);
  });

  test.each(["user_id", "UserId", "__proto__", "", "user-id", "_id"])("%s is not a camelCase name", (name) => {
    expect(toSnakeCase(name)).toBeUndefined();
  });

  test.each(["userId", "__proto__", "user__id", "_user", "user_", "user_1", "User", "", "user id"])(
    "%s is not a snake_case name",
    (name) => {
      expect(toCamelCase(name)).toBeUndefined();
    },
  );

  test("thousands of unknown names change nothing for the known ones", () => {
    const match = vi.spyOn(RegExp.prototype, "test");
    try {
      for (let index = 0; index < 2_000; index++) toCamelCase(`unknown_${"x".repeat(index % 40)}y${index}`);
      match.mockClear();
      // Known from the start: nothing is looked up again.
      for (const name of ["milestone_id", "has_prev", "new_state", "virtual_now"]) toCamelCase(name);
      expect(match).not.toHaveBeenCalled();
    } finally {
      match.mockRestore();
    }
    expect(toCamelCase("milestone_id")).toBe("milestoneId");
    expect(toCamelCase("userId")).toBeUndefined();
  });
});

describe("encode", () => {
  test("names become snake_case, instants RFC 3339 with milliseconds, at any depth", () => {
    const page = { items: [{ userId: "a", startTime: new Date(123), endTime: null }], pageSize: 1, hasNext: false };
    expect(encode(page)).toBe(
      '{"items":[{"user_id":"a","start_time":"1970-01-01T00:00:00.123Z","end_time":null}],"page_size":1,"has_next":false}',
    );
  });

  test("JSON columns pass untouched, keys included", () => {
    const preferences = { aB: { c_d: [{ createdAt: 1 }] }, undefinedIsNoJson: undefined };
    expect(encode({ preferences, messages: [{ eF: null }] })).toBe(
      '{"preferences":{"aB":{"c_d":[{"createdAt":1}]}},"messages":[{"eF":null}]}',
    );
  });

  test.each(['"', "\\", "\n", "\u0000", "\u001f", "é", "🙂", "\ud83d", "\u2028", "\u007f", "x".repeat(500)])(
    "text is escaped as JSON.stringify does it: %j",
    (text) => {
      expect(encode(text)).toBe(JSON.stringify(text));
    },
  );

  test("values that JSON cannot represent become null, undefined is omitted", () => {
    expect(encode({ a: undefined, b: Number.NaN, c: Number.POSITIVE_INFINITY, d: 1e21 })).toBe(
      '{"b":null,"c":null,"d":1e+21}',
    );
    expect(encode(undefined)).toBe("null");
  });

  test("an invalid Date is sent as text that every schema rejects as an instant, not as null", () => {
    expect(encode({ startTime: new Date(Number.NaN) })).toBe('{"start_time":"Invalid Date"}');
  });

  test("a name that is not camelCase is not a field", () => {
    expect(encode({ user_id: 1, __proto: 2, userId: 3 })).toBe('{"user_id":3}');
  });
});

describe("decode", () => {
  test("names become camelCase and instants Dates, at any depth", () => {
    expect(decodeJson('{"milestones":[{"tasks":[{"start_time":"2026-02-15T10:00:00+02:00"}]}],"user_id":"a"}')).toEqual(
      {
        milestones: [{ tasks: [{ startTime: new Date("2026-02-15T08:00:00Z") }] }],
        userId: "a",
      },
    );
  });

  test("only fields that hold instants are read as such, and text that is not an instant stays text", () => {
    const decoded = decodeJson('{"start_time":"2026-02-15T10:00:00","title":"2026-02-15T10:00:00Z","end_time":5}');
    expect(decoded).toEqual({ startTime: "2026-02-15T10:00:00", title: "2026-02-15T10:00:00Z", endTime: 5 });
  });

  test("JSON columns pass by reference, whatever their keys", () => {
    const body = JSON.parse('{"preferences":{"a_b":1,"__proto__":{"x":1},"createdAt":"2026-02-15T10:00:00Z"}}');
    const decoded = decode(body, reading);
    expect(Reflect.get(Object(decoded), "preferences")).toBe(body.preferences);
  });

  test("camelCase and __proto__ are not fields, and nothing reaches a prototype", () => {
    const decoded = decodeJson(
      '{"userId":1,"__proto__":{"polluted":true},"constructor":{"polluted":true},"title":"a"}',
    );
    expect(Object.keys(Object(decoded))).toEqual(["constructor", "title"]);
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test.each(["1", '"a"', "null", "true", "[1]"])("%s is unchanged", (text) => {
    expect(decodeJson(text)).toEqual(JSON.parse(text));
  });

  test("if only the contract's names are fields, others are omitted with their contents", () => {
    const body = JSON.parse('{"title":"a","colour":{"title":"b"},"user_name":[{"id":"c"}],"constructor":1}');
    expect(decode(body, { ...reading, nameOf: fieldNameOf })).toEqual({ title: "a" });
  });

  test("a list beyond the maximum length is not decoded", () => {
    const list = [{ user_id: 1 }, { user_id: 2 }, { user_id: 3 }];
    expect(decode(list, reading)).toEqual([{ userId: 1 }, { userId: 2 }, { userId: 3 }]);
    expect(decode([...list, ...list], reading)).toEqual([...list, ...list]);
  });

  test("a hostile depth does not overflow the stack", () => {
    const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    expect(() => decodeJson(deep)).not.toThrow();
  });

  test("an encoded value is decoded to the same", () => {
    const task = { userId: "a", startTime: new Date(1), endTime: null, isRecurring: true, title: 'a"b' };
    expect(decodeJson(encode(task))).toEqual(task);
  });
});

describe("paths", () => {
  test.each([
    ["userId", "user_id"],
    ["milestones.0.tasks.2.startTime", "milestones.0.tasks.2.start_time"],
    ["taskIds.17", "task_ids.17"],
    ["preferences.userId.0.aB", "preferences.userId.0.aB"],
    ["messages.0.createdAt", "messages.0.createdAt"],
    ["", ""],
  ])("%s is %s on the wire, and back", (field, wire) => {
    expect(toWirePath(field)).toBe(wire);
    expect(toFieldPath(wire)).toBe(field);
  });
});
