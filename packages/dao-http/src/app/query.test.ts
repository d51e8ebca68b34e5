import { describe, expect, test } from "vitest";
import { InvalidRequestError } from "../http/problem.ts";
import { readQuery } from "./query.ts";

const read = (query: string) =>
  readQuery(query, { page: "number", userId: "text", isRecurring: "boolean", startTime: "instant" });

function issuesOf(query: string): readonly (readonly [string, string])[] {
  try {
    read(query);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    return error.issues.map(({ path, message }) => [path, message]);
  }
}

describe("query parameters", () => {
  test("are read by kind", () => {
    expect(read("page=2&user_id=a%20b&is_recurring=true&start_time=2026-02-15T10%3A00%3A00%2B02:00")).toEqual({
      page: 2,
      userId: "a b",
      isRecurring: true,
      startTime: new Date("2026-02-15T08:00:00Z"),
    });
    expect(read("")).toEqual({});
    expect(read("&&user_id=&")).toEqual({ userId: "" });
    expect(read("user_id=a=b")).toEqual({ userId: "a=b" });
  });

  test.each(["01", "1e3", "+1", "0x1", "1.5", "", "%201", "-0", "１", "Infinity"])(
    "%s stays text, since it is not a number",
    (text) => {
      expect(typeof read(`page=${text}`)["page"]).toBe("string");
    },
  );

  test.each(["True", "1", "yes", ""])("%s stays text, since it is not a boolean", (text) => {
    expect(read(`is_recurring=${text}`)).toEqual({ isRecurring: text });
  });

  test("an invalid instant stays text; an unencoded plus has become a space", () => {
    expect(read("start_time=2026-02-15T10:00:00+02:00")).toEqual({ startTime: "2026-02-15T10:00:00 02:00" });
  });

  test("of filters are one or several values, null, or the ends of a range", () => {
    const filters = {
      state: "text list",
      milestoneId: "text list or null",
      startTime: "instant range or null",
    } as const;
    const read = (query: string) => readQuery(query, { ...filters, sort: ["createdAt"] });
    expect(read("state=a")).toEqual({ state: "a" });
    expect(read("state=a&state=b&state=a")).toEqual({ state: ["a", "b", "a"] });
    expect(read("is_null=milestone_id&is_null=start_time")).toEqual({ milestoneId: null, startTime: null });
    expect(read("start_time_before=2026-02-15T10:00:00Z&start_time_from=x")).toEqual({
      startTime: { before: new Date("2026-02-15T10:00:00Z"), from: "x" },
    });
    expect(read("sort=-created_at")).toEqual({ sort: "-createdAt" });
    expect(() => read("sort=-createdAt")).toThrow("sort must be one of created_at, with - before it for");
    expect(() => read("is_null=state")).toThrow("is_null must be one of milestone_id, start_time.");
    expect(() => read("is_null=milestone_id&milestone_id=1")).toThrow("milestone_id cannot be combined with is_null");
    expect(() => read("start_time_from=1&is_null=start_time")).toThrow(
      "is_null cannot be combined with another filter",
    );
    expect(() => read("start_time_from=1&start_time_from=1")).toThrow("start_time_from is given more than once");
    for (const name of ["start_time", "state_from", "milestone_id_before", "from", "constructor_from"]) {
      expect(() => read(`${name}=1`)).toThrow(`${name} is not a known parameter`);
    }
  });

  test("all unknown ones are rejected, in the caller's spelling", () => {
    expect(issuesOf("userId=1&foo_Bar=2&page=1&__proto__=3")).toEqual([
      ["userId", "is not a known parameter"],
      ["foo_Bar", "is not a known parameter"],
      ["__proto__", "is not a known parameter"],
    ]);
  });

  test("one without a name is rejected with that reason", () => {
    expect(issuesOf("=1")).toEqual([["", "has a parameter without a name"]]);
    expect(() => read("=")).toThrow("The input has a parameter without a name.");
  });

  test("repeated ones are rejected", () => {
    expect(issuesOf("page=1&page=1")).toEqual([["page", "is given more than once"]]);
  });

  test.each(["user_id=%ff", "user_id=%", "%ff=1"])("%s cannot be read", (query) => {
    expect(issuesOf(query)).toEqual([["", "has a query string whose percent-encoding is not UTF-8"]]);
  });

  test("an operation without parameters rejects any", () => {
    expect(() => readQuery("x=1")).toThrow("x is not a known parameter");
    expect(readQuery("")).toEqual({});
  });
});
