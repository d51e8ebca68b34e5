import { describe, expect, test } from "vitest";
import * as z from "zod";
import { ValidationError } from "./errors.ts";
import { validate } from "./fields/validation.ts";
import { anyOf, pageOf, pageWindow, queriesOf, toPage } from "./page.ts";

const request = queriesOf(() => ({ status: anyOf(z.string()) }), []).list;

/** The paths of what is wrong with this request. */
function pathsOf(input: unknown): string[] {
  try {
    validate(request, input);
    return [];
  } catch (error) {
    if (error instanceof ValidationError) return error.issues.map((issue) => issue.path);
    throw error;
  }
}

describe("listRequest", () => {
  test.each([
    {},
    { page: 1 },
    { page: Number.MAX_SAFE_INTEGER, pageSize: 100 },
    { pageSize: 1, status: "open" },
    { skip: 0, limit: 100 },
    { skip: Number.MAX_SAFE_INTEGER },
    { cursor: "c", pageSize: 5, count: "none" },
    { cursor: "c", limit: 5, count: "estimated" },
    { page: undefined, pageSize: undefined, skip: 5, limit: undefined, status: undefined },
  ])("accepts %j", (input) => {
    expect(pathsOf(input)).toEqual([]);
  });

  test.each([
    [{ page: 0 }, ["page"]],
    [{ page: -1 }, ["page"]],
    [{ page: 1.5 }, ["page"]],
    [{ page: "1" }, ["page"]],
    [{ page: null }, ["page"]],
    [{ page: Number.MAX_SAFE_INTEGER + 1 }, ["page"]],
    [{ pageSize: 0 }, ["pageSize"]],
    [{ pageSize: 101 }, ["pageSize"]],
    [{ skip: -1 }, ["skip"]],
    [{ skip: Number.NaN }, ["skip"]],
    [{ limit: 0 }, ["limit"]],
    [{ limit: 101 }, ["limit"]],
    [{ page: 0, pageSize: 0 }, ["page", "pageSize"]],
    [{ page: 1, skip: 0 }, ["skip"]],
    [{ page: 1, limit: 1 }, ["limit"]],
    [{ pageSize: 1, skip: 0 }, ["skip"]],
    [{ pageSize: 1, skip: 0, limit: 1 }, ["skip"]],
    [{ cursor: "c", page: 1 }, ["page"]],
    [{ cursor: "c", skip: 0, limit: 1 }, ["skip"]],
    [{ cursor: "" }, ["cursor"]],
    [{ cursor: "a b" }, ["cursor"]],
    [{ cursor: null }, ["cursor"]],
    [{ count: "planned" }, ["count"]],
    [{ colour: "red" }, ["colour"]],
    [{ colour: "red", size: 1 }, ["colour", "size"]],
  ])("rejects %j", (input, paths) => {
    expect(pathsOf(input)).toEqual(paths);
  });

  test("says that the two styles do not mix", () => {
    expect(() => validate(request, { page: 1, skip: 0 })).toThrow(
      "skip cannot be combined with page numbers: use one style of paging.",
    );
    expect(() => validate(request, { colour: 1 })).toThrow("colour is not a known parameter.");
  });
});

describe("pageWindow", () => {
  test.each([
    [{}, { skip: 0, limit: 100, page: 1 }],
    [{ page: 3 }, { skip: 200, limit: 100, page: 3 }],
    [
      { page: 3, pageSize: 7 },
      { skip: 14, limit: 7, page: 3 },
    ],
    [{ pageSize: 7 }, { skip: 0, limit: 7, page: 1 }],
    [{ skip: 5 }, { skip: 5, limit: 100, page: 1 }],
    [{ skip: 250 }, { skip: 250, limit: 100, page: 3 }],
    [{ limit: 5 }, { skip: 0, limit: 5, page: 1 }],
    [
      { skip: 0, limit: 5 },
      { skip: 0, limit: 5, page: 1 },
    ],
  ])("%j", (input, window) => {
    expect(pageWindow(input)).toEqual(window);
  });
});

test("the number of a page is the requested one, however large", () => {
  const page = Number.MAX_SAFE_INTEGER;
  expect(toPage([], 0, pageWindow({ page, pageSize: 100 }), null).page).toBe(page);
});

describe("toPage", () => {
  test.each([
    [{ skip: 0, limit: 7 }, null, { page: 1, pageSize: 7, hasNext: false, hasPrev: false }],
    [{ skip: 0, limit: 7 }, "next", { page: 1, pageSize: 7, hasNext: true, hasPrev: false }],
    [{ skip: 7, limit: 7 }, null, { page: 2, pageSize: 7, hasNext: false, hasPrev: true }],
    [{ skip: 900, limit: 4 }, null, { page: 226, pageSize: 4, hasNext: false, hasPrev: true }],
    [{ cursor: "c", limit: 4 }, "next", { page: null, pageSize: 4, hasNext: true, hasPrev: true }],
    [{ cursor: "c" }, null, { page: null, pageSize: 100, hasNext: false, hasPrev: true }],
  ])("of %j, then %j", (input, nextCursor, expected) => {
    const page = toPage([8], 9, pageWindow(input), nextCursor);
    expect(page).toEqual({ items: [8], total: 9, nextCursor, ...expected });
    expect(pageOf(z.number()).parse(page)).toEqual(page);
  });
});
