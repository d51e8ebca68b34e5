import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import { createGoal, createTask, createUser, type GoalRow, idsOf, type PageOf } from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const LISTS = ["users", "goals", "milestones", "tasks", "conversations"];

let owner: { readonly id: string };
/** Seven goals, newest first. */
let newestFirst: readonly GoalRow[];

beforeAll(async () => {
  owner = await createUser(call);
  const goals: GoalRow[] = [];
  for (let number = 1; number <= 7; number++) goals.push(await createGoal(call, owner, { title: `Goal ${number}` }));
  // Several rows with the same creation time: their order is by id.
  const ids = goals.slice(1, 6).map(({ id }) => `'${id}'`);
  await server.sql(`update goals set created_at = '2020-01-01T00:00:00Z' where id in (${ids.join(", ")})`);
  // And rewritten in another order, so that their physical order differs.
  for (const id of [ids[2], ids[0], ids[4], ids[1], ids[3]]) {
    await server.sql(`update goals set timeline = 'rewritten' where id = ${id}`);
  }
  const rows = await Promise.all(goals.map(({ id }) => call<GoalRow>("GET", `/api/v1/goals/${id}`)));
  newestFirst = rows
    .map((answer) => expectStatus(answer, 200))
    .sort((a, b) => (a.created_at === b.created_at ? (a.id < b.id ? 1 : -1) : a.created_at < b.created_at ? 1 : -1));
});

/** A well-formed cursor. */
const cursorOf = (place: string) => Buffer.from(place).toString("base64url");

async function page(query: string) {
  const path = `/api/v1/goals/?user_id=${owner.id}${query === "" ? "" : `&${query}`}`;
  return expectStatus(await call<PageOf<GoalRow>>("GET", path), 200);
}

describe("REST: lists take page and page_size, or skip and limit", () => {
  test("newest first: created_at descending, then id descending", async () => {
    const { items } = await page("");
    expect(items).toStrictEqual(newestFirst);
    expect(new Set(items.map((goal) => goal.created_at)).size).toBeLessThan(items.length);
  });

  test.each([
    ["", { page: 1, page_size: 100, has_next: false, has_prev: false }, 0, 7],
    ["page=1", { page: 1, page_size: 100, has_next: false, has_prev: false }, 0, 7],
    ["page_size=3", { page: 1, page_size: 3, has_next: true, has_prev: false }, 0, 3],
    ["page=2&page_size=3", { page: 2, page_size: 3, has_next: true, has_prev: true }, 3, 6],
    ["page_size=3&page=3", { page: 3, page_size: 3, has_next: false, has_prev: true }, 6, 7],
    ["page=4&page_size=3", { page: 4, page_size: 3, has_next: false, has_prev: true }, 7, 7],
    ["page=1&page_size=7", { page: 1, page_size: 7, has_next: false, has_prev: false }, 0, 7],
    ["page=7&page_size=1", { page: 7, page_size: 1, has_next: false, has_prev: true }, 6, 7],
    ["page=2", { page: 2, page_size: 100, has_next: false, has_prev: true }, 7, 7],
    ["page_size=100", { page: 1, page_size: 100, has_next: false, has_prev: false }, 0, 7],
    ["skip=0&limit=100", { page: 1, page_size: 100, has_next: false, has_prev: false }, 0, 7],
    ["limit=2", { page: 1, page_size: 2, has_next: true, has_prev: false }, 0, 2],
    ["skip=2&limit=2", { page: 2, page_size: 2, has_next: true, has_prev: true }, 2, 4],
    // The page is floor(skip / limit) + 1, even if no page begins there.
    ["skip=3&limit=2", { page: 2, page_size: 2, has_next: true, has_prev: true }, 3, 5],
    ["skip=1&limit=100", { page: 1, page_size: 100, has_next: false, has_prev: true }, 1, 7],
    ["skip=5&limit=2", { page: 3, page_size: 2, has_next: false, has_prev: true }, 5, 7],
    ["skip=6", { page: 1, page_size: 100, has_next: false, has_prev: true }, 6, 7],
    ["skip=250&limit=100", { page: 3, page_size: 100, has_next: false, has_prev: true }, 7, 7],
  ])("?%s", async (query, expected, from, to) => {
    const cursor = expected.has_next ? expect.stringMatching(/^[\w-]{1,255}$/) : null;
    const items = newestFirst.slice(from, to);
    expect(await page(query)).toStrictEqual({ items, total: 7, ...expected, next_cursor: cursor });
  });

  test("the pages together are the whole list, each row once", async () => {
    const seen: string[] = [];
    for (let number = 1, more = true; more; number++) {
      const { items, has_next } = await page(`page=${number}&page_size=2`);
      seen.push(...idsOf(items));
      more = has_next;
    }
    expect(seen).toEqual(idsOf(newestFirst));
  });

  test("a page after a cursor has the remaining rows and no page number, however the total is counted", async () => {
    const first = await page("page_size=3");
    const rest = await page(`cursor=${first.next_cursor}`);
    const paging = { page: null, page_size: 100, has_next: false, has_prev: true, next_cursor: null };
    expect(rest).toStrictEqual({ items: newestFirst.slice(3), total: 7, ...paging });
    expect(await page(`cursor=${first.next_cursor}&count=estimated`)).toStrictEqual(rest);
    expect(await page(`cursor=${first.next_cursor}&count=none`)).toStrictEqual({ ...rest, total: null });
    const second = await page(`cursor=${first.next_cursor}&limit=2`);
    expect(second).toMatchObject({ items: newestFirst.slice(3, 5), page: null, page_size: 2, has_next: true });
    expect((await page(`cursor=${second.next_cursor}&limit=2`)).items).toStrictEqual(newestFirst.slice(5));
  });

  test("an empty list", async () => {
    const nobody = await createUser(call);
    const answer = await call("GET", `/api/v1/tasks/?user_id=${nobody.id}`);
    const empty = { items: [], total: 0, page: 1, page_size: 100, has_next: false, has_prev: false };
    expect(expectStatus(answer, 200)).toStrictEqual({ ...empty, next_cursor: null });
  });

  test("100 rows is the maximum page size, and the default", async () => {
    const goal = newestFirst[0];
    if (goal === undefined) throw new Error("the goals are made before");
    for (let batch = 0; batch < 7; batch++) {
      await Promise.all(Array.from({ length: 15 }, () => createTask(call, goal)));
    }
    const first = expectStatus(await call<PageOf<unknown>>("GET", "/api/v1/tasks/"), 200);
    expect({ ...first, items: first.items.length }).toEqual({
      items: 100,
      total: 105,
      page: 1,
      page_size: 100,
      has_next: true,
      has_prev: false,
      next_cursor: expect.stringMatching(/./),
    });
  });
});

describe.each(LISTS)("REST: parameters that the list of %s rejects", (list) => {
  const get = (query: string) => call("GET", `/api/v1/${list}/?${query}`);

  test.each([
    [
      "page",
      [
        "0",
        "-1",
        "1.5",
        "",
        "x",
        "1x",
        "0x10",
        "NaN",
        "Infinity",
        "1e400",
        "null",
        "true",
        "1,2",
        "[1]",
        "99999999999999999999",
      ],
    ],
    ["page_size", ["0", "-1", "101", "1.5", "", "x", "1e9"]],
    ["skip", ["-1", "0.5", "", "x", "99999999999999999999"]],
    ["limit", ["0", "-1", "101", "2.5", "", "x"]],
    [
      "cursor",
      ["", "x", "a b", "null", "é", "x".repeat(256), cursorOf("2026-02-15"), cursorOf("2026-02-15 10:00:00+00 x")],
    ],
    ["count", ["", "none,", "EXACT", "true", "planned"]],
  ])("a bad %s", async (name, values) => {
    for (const value of values) expectInvalid(await get(`${name}=${encodeURIComponent(value)}`), name);
  });

  test("both styles mixed, even with their default values", async () => {
    for (const query of ["page=1&skip=0", "page=1&limit=100", "page_size=100&skip=0", "page_size=10&limit=10"]) {
      const problem = expectStatus(await get(query), 400);
      expect(JSON.stringify(problem)).toMatch(/combined/);
    }
  });

  test("a cursor with a page number or rows to skip, even with their default values", async () => {
    const cursor = cursorOf("2026-02-15 10:00:00.123456+00 0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e");
    expectStatus(await get(`cursor=${cursor}&page_size=1`), 200);
    expectInvalid(await get(`cursor=${cursor}&page=1`), "page");
    expectInvalid(await get(`cursor=${cursor}&skip=0`), "skip");
  });

  test("unknown parameters, by name", async () => {
    expectInvalid(await get("colour=red"), "colour");
    expectInvalid(await get("pageSize=10"), "pageSize");
    expectInvalid(await get("PAGE=1"), "PAGE");
    expectInvalid(await get("offset=1&sort=id"), "offset", "sort");
    expectInvalid(await get("__proto__=1"), "__proto__");
    expectInvalid(await get("constructor=1&toString=2"), "constructor", "toString");
    expectInvalid(await get("page[]=1"), "page[]");
  });

  test("a repeated parameter", async () => {
    expectInvalid(await get("page=1&page=2"), "page");
    expectInvalid(await get("page=1&page=1"), "page");
    expectInvalid(await get("limit=1&limit=1"), "limit");
  });

  test("however large an integer: a page beyond the end is empty", async () => {
    const largest = String(Number.MAX_SAFE_INTEGER);
    const skipped = expectStatus(await get(`skip=${largest}&limit=1`), 200) as PageOf<unknown>;
    expect(skipped).toMatchObject({ items: [], has_next: false, has_prev: true });
    const paged = expectStatus(await get(`page=${largest}`), 200) as PageOf<unknown>;
    expect(paged).toMatchObject({ items: [], has_next: false, has_prev: true });
    expect(expectStatus(await get("page=1000000000000"), 200)).toMatchObject({ items: [], page: 1_000_000_000_000 });
  });
});

describe("REST: unknown query parameters are a validation error, on every operation", () => {
  test.each([
    ["GET", ""],
    ["PATCH", ""],
    ["DELETE", ""],
  ])("%s of one row, which stays as it is", async (method) => {
    const user = await createUser(call);
    const path = `/api/v1/users/${user.id}`;
    expectInvalid(await call(method, `${path}?force=true`, method === "PATCH" ? { body: { name: "x" } } : {}), "force");
    expect(expectStatus(await call("GET", path), 200)).toStrictEqual(user);
  });

  test("POST, PUT and the special paths", async () => {
    const user = await createUser(call);
    const body = { user_id: user.id, title: "Not made" };
    expectInvalid(await call("POST", "/api/v1/goals/?dry_run=1", { body }), "dry_run");
    expectInvalid(
      await call("POST", "/api/v1/goals/with-structure?x=1", { body: { goal: body, milestones: [] } }),
      "x",
    );
    expectInvalid(await call("PUT", `/api/v1/demo-flags/${user.id}?x=1`, { body: {} }), "x");
    expectInvalid(
      await call("POST", "/api/v1/tasks/bulk-update-state?x=1", { body: { task_ids: [user.id], new_state: "missed" } }),
      "x",
    );
    const list = expectStatus(await call<PageOf<GoalRow>>("GET", `/api/v1/goals/?user_id=${user.id}`), 200);
    expect(list.total).toBe(0);
  });
});
