import { beforeAll, describe, expect, test } from "vitest";
import { expectInvalid, expectStatus } from "./answer.ts";
import { createGoal, createUser, type GoalRow, type PageOf } from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const PATH = "/api/v1/goals/";
let userId: string;
let ids: string[];

beforeAll(async () => {
  const owner = await createUser(call);
  userId = owner.id;
  for (let number = 1; number <= 7; number++) await createGoal(call, owner, { title: `Goal ${number}` });
  const all = await call<PageOf<GoalRow>>("GET", `${PATH}?user_id=${userId}`);
  ids = expectStatus(all, 200).items.map(({ id }) => id);
});

/** The links of a page by their relation, resolved as a client does (RFC 8288, 3.1). */
async function linksOf(target: string): Promise<Record<string, string>> {
  const { headers } = await call("GET", target);
  const base = new URL(target, server.baseUrl);
  const links = [...(headers.get("link") ?? "").matchAll(/<([^>]*)>; rel="(\w+)"/g)];
  return Object.fromEntries(
    links.map(([, reference = "", relation = ""]) => {
      const { pathname, search } = new URL(reference, base);
      return [relation, pathname + search];
    }),
  );
}

describe("Link headers of lists (RFC 8288)", () => {
  test.each(["page_size=3", "limit=3", "count=none&page_size=3", "count=estimated&limit=3"])(
    "the next link of %s continues by cursor, until every row was returned once",
    async (query) => {
      const seen: string[] = [];
      let target: string | undefined = `${PATH}?user_id=${userId}&${query}`;
      for (let page = 0; target !== undefined && page < 5; page++) {
        const { items, ...paging }: PageOf<GoalRow> = expectStatus(await call<PageOf<GoalRow>>("GET", target), 200);
        expect(paging.page).toBe(page === 0 ? 1 : null);
        seen.push(...items.map(({ id }) => id));
        const links: Record<string, string> = await linksOf(target);
        expect(Object.keys(links)).toEqual(paging.has_next ? ["first", "next"] : ["first"]);
        expect(new URL(links["first"] ?? "", server.baseUrl).searchParams.has("cursor")).toBe(false);
        target = links["next"];
      }
      expect(seen).toEqual(ids);
    },
  );

  test("a list requested by page number continues by page number, in both directions", async () => {
    const page = (number: number) => `${PATH}?user_id=${userId}&page_size=3&page=${number}`;
    expect(await linksOf(page(1))).toEqual({ first: page(1), next: page(2), last: page(3) });
    expect(await linksOf(page(2))).toEqual({ first: page(1), prev: page(1), next: page(3), last: page(3) });
    expect(await linksOf(page(3))).toEqual({ first: page(1), prev: page(2), last: page(3) });
    expect(await linksOf(`${page(2)}&count=none`)).not.toHaveProperty("last");
    expect(await linksOf(`${page(2)}&count=estimated`)).not.toHaveProperty("last");
  });

  test("a list requested with skip continues with skip", async () => {
    const skip = (rows: number) => `${PATH}?user_id=${userId}&limit=3&skip=${rows}`;
    expect(await linksOf(skip(0))).toEqual({ first: skip(0), next: skip(3), last: skip(6) });
    expect(await linksOf(skip(2))).toEqual({ first: skip(0), prev: skip(0), next: skip(5), last: skip(6) });
    expect(await linksOf(skip(6))).toEqual({ first: skip(0), prev: skip(3), last: skip(6) });
  });

  test("the page before one past the end is the last one", async () => {
    const page = (number: number) => `${PATH}?user_id=${userId}&page_size=3&page=${number}`;
    const skip = (rows: number) => `${PATH}?user_id=${userId}&limit=3&skip=${rows}`;
    for (const number of [4, 5, 1_000]) {
      expect(await linksOf(page(number))).toEqual({ first: page(1), prev: page(3), last: page(3) });
    }
    for (const rows of [7, 8, 100])
      expect(await linksOf(skip(rows))).toEqual({ first: skip(0), prev: skip(6), last: skip(6) });
    const none = (number: number) => `${PATH}?user_id=${userId}&status=none&page=${number}`;
    expect(await linksOf(none(3))).toEqual({ first: none(1), prev: none(1), last: none(1) });
  });

  test("a long query omits links that would make the headers larger than 4 KB, the next page's link last", async () => {
    for (const [letter, length, relations] of [
      ["ж", 100, ["first", "prev", "next", "last"]],
      ["ж", 150, ["first", "prev", "next"]],
      ["ж", 200, ["prev", "next"]],
      ["ж", 400, ["next"]],
      ["🙂", 500, []],
    ] as const) {
      // Six and twelve bytes each in a URL.
      const category = letter.repeat(length);
      await createGoal(call, { id: userId }, { category });
      await createGoal(call, { id: userId }, { category });
      await createGoal(call, { id: userId }, { category });
      const target = `${PATH}?page_size=1&page=2&category=${encodeURIComponent(category)}`;
      const { headers, body } = await call<PageOf<GoalRow>>("GET", target);
      expect(Object.keys(await linksOf(target))).toEqual(relations);
      expect(body.next_cursor).toMatch(/\S/);
      const bytes = [...headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
      expect(bytes).toBeLessThan(4_000);
    }
  });

  test("a filter's value has at most 500 characters", async () => {
    expectStatus(await call("GET", `${PATH}?status=${encodeURIComponent("🙂".repeat(500))}`), 200);
    for (const name of ["status", "category"])
      expectInvalid(await call("GET", `${PATH}?${name}=${"x".repeat(501)}`), name);
    expectInvalid(await call("GET", `/api/v1/users/?email=${"x".repeat(501)}`), "email");
    expectInvalid(await call("GET", `/api/v1/tasks/?calendar_event_id=${"x".repeat(501)}`), "calendar_event_id");
    expectInvalid(await call("GET", `/api/v1/tasks/stream?calendar_event_id=${"x".repeat(501)}`), "calendar_event_id");
  });

  test("the other parameters are kept, encoded as necessary", async () => {
    const links = await linksOf(`${PATH}?user_id=${userId}&status=a%26b+%22c%22%3E&page=1`);
    expect(new URL(links["last"] ?? "", server.baseUrl).searchParams.get("status")).toBe('a&b "c">');
  });

  test("an invalid cursor, or one with a page number, is rejected", async () => {
    expectInvalid(await call("GET", `${PATH}?cursor=next`), "cursor");
    expectInvalid(await call("GET", `${PATH}?cursor=`), "cursor");
    expectInvalid(await call("GET", `${PATH}?count=planned`), "count");
    const { next_cursor: cursor } = expectStatus(await call<PageOf<GoalRow>>("GET", `${PATH}?page_size=1`), 200);
    expectInvalid(await call("GET", `${PATH}?cursor=${cursor}&page=2`), "page");
    expectInvalid(await call("GET", `${PATH}?cursor=${cursor}&skip=2`), "skip");
  });
});
