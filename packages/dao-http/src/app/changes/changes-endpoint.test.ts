import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "@flux/dao-core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { KEY, testApp } from "../../testing/test-app.ts";
import { tenantOf } from "../auth.ts";
import { Followers } from "./followers.ts";

const change = (position: number) => ({ cursor: `${position}-a`, entity: "task", operation: "created" });

interface Follow {
  /** Yields this, or throws it. */
  send(item: object): void;
  /** Reports this cursor. */
  move(cursor: string): void;
  /** Ends the feed, as a database that is closed. */
  end(): void;
  readonly isLeft: boolean;
  readonly request: unknown;
}

/** An app whose feed has `first` at the beginning, and then what the test sends to its followers. */
function appWithFeed(first: readonly object[] = [], options: Parameters<typeof testApp>[1] = {}) {
  const followers: Follow[] = [];
  const { app, call, lines, calls } = testApp(({ method, args: [request, given] }) => {
    const { signal, onCursor } = Object(given);
    if (method === "listChanges") return { items: first, nextCursor: `${first.length}-a`, hasNext: false };
    const queue: (object | undefined)[] = [];
    let wake = (): void => undefined;
    let isLeft = false;
    const push = (item: object | undefined) => {
      queue.push(item);
      wake();
    };
    signal.addEventListener("abort", () => {
      isLeft = true;
      wake();
    });
    followers.push({
      send: push,
      move: onCursor,
      end: () => push(undefined),
      get isLeft() {
        return isLeft;
      },
      request,
    });
    return (async function* () {
      for (;;) {
        while (queue.length > 0) {
          const item = queue.shift();
          if (item === undefined) return;
          if (item instanceof Error) throw item;
          yield item;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        signal.throwIfAborted();
      }
    })();
  }, options);
  const open = async (query = "") => {
    const request = new Request(`http://service/api/v1/changes/stream${query}`, {
      headers: { "X-Flux-Service-Key": KEY },
    });
    const { body, status } = await app.fetch(request);
    const reader = (body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
    return { status, reader, next: async () => (await reader.read()).value };
  };
  return { app, call, lines, calls, followers, open };
}

afterEach(() => vi.useRealTimers());

describe("a stream of changes", () => {
  test("has a line with the cursor after 15 seconds without a change, which has moved since", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { open, followers } = appWithFeed([change(1)]);
    const { next } = await open();
    expect(await next()).toBe('{"cursor":"1-a","entity":"task","operation":"created"}\n{"next_cursor":"1-a"}\n');
    const line = next();
    await vi.advanceTimersByTimeAsync(14_000);
    followers[0]?.move("7-a");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await line).toBe('{"next_cursor":"7-a"}\n');
    followers[0]?.send(change(8));
    expect(await next()).toBe('{"cursor":"8-a","entity":"task","operation":"created"}\n');
  });

  test("follows with the filter, from where its first page ended", async () => {
    const { open, calls, followers } = appWithFeed([change(1), change(2)]);
    const { next } = await open("?cursor=start&entity=task");
    await next();
    expect(calls[0]).toEqual({ method: "listChanges", args: [{ cursor: "start", entity: "task", limit: 100 }] });
    expect(followers[0]?.request).toEqual({ cursor: "2-a", entity: "task" });
  });

  test("ends with the cursor when the database is closed, and leaves room for another", async () => {
    const { open, followers } = appWithFeed([], { maxFollowers: 1 });
    for (const number of [0, 1]) {
      const { next } = await open();
      await next();
      followers[number]?.send(change(3));
      followers[number]?.end();
      expect(await next()).toBe('{"cursor":"3-a","entity":"task","operation":"created"}\n{"next_cursor":"3-a"}\n');
      expect(await next()).toBeUndefined();
    }
  });

  test("breaks off after an error, which is logged once, and leaves room for another", async () => {
    const { open, followers, lines } = appWithFeed([], { maxFollowers: 1 });
    for (const number of [0, 1]) {
      const { next } = await open();
      await next();
      expect(lines).toHaveLength(number);
      followers[number]?.send(new UnavailableError("The database cannot be reached."));
      await expect(next()).rejects.toThrow();
      await expect.poll(() => lines.length).toBe(number + 1);
      expect(lines.at(-1)).toMatchObject({ fields: { status: 500, path: "/api/v1/changes/stream" } });
    }
  });

  test("stops following when its reader leaves", async () => {
    const { open, followers, lines } = appWithFeed([], { maxFollowers: 1 });
    const { reader } = await open();
    await reader.read();
    await delay(20);
    await reader.cancel();
    expect(followers[0]?.isLeft).toBe(true);
    expect(lines).toMatchObject([{ level: "info", fields: { status: 200 } }]);
    expect(Number(lines[0]?.fields["ms"])).toBeGreaterThan(15);
    expect((await open()).status).toBe(200);
  });

  test("that begins at a stop ends at once", async () => {
    const { app, open, call } = appWithFeed([change(1)]);
    app.announceStop();
    const { next } = await open();
    await next();
    expect(await next()).toBe('{"next_cursor":"1-a"}\n');
    expect(await next()).toBeUndefined();
    expect((await call("GET", "/api/v1/changes?wait=25")).body.items).toHaveLength(1);
  });
});

describe("a page that waits", () => {
  test("has the changes that are there when it is woken, at most its limit, and continues after them", async () => {
    const { call, followers } = appWithFeed();
    const page = call("GET", "/api/v1/changes?wait=25&limit=2");
    await expect.poll(() => followers.length).toBe(1);
    for (const position of [4, 5, 6]) followers[0]?.send(change(position));
    expect((await page).body).toMatchObject({
      items: [{ cursor: "4-a" }, { cursor: "5-a" }],
      next_cursor: "5-a",
      has_next: true,
    });
    expect(followers[0]?.isLeft).toBe(true);
  });

  test("a failure meanwhile is the service's error, and makes room", async () => {
    const { call, followers } = appWithFeed([], { maxFollowers: 1 });
    for (const number of [0, 1]) {
      const page = call("GET", "/api/v1/changes?wait=25");
      await expect.poll(() => followers.length).toBe(number + 1);
      followers[number]?.send(new UnavailableError("The database cannot be reached."));
      expect(await page).toMatchObject({ status: 503, body: { code: "unavailable" } });
    }
  });

  test("is one of at most as many as are left for the keys of others", async () => {
    const { call, followers } = appWithFeed([], { maxFollowers: 8 });
    const begin = (key: string) => {
      const page = call("GET", "/api/v1/changes?wait=25", { headers: { "X-Flux-Service-Key": key } });
      return { page, refused: page.then(({ status, text }) => `${status} ${text}`) };
    };
    /** Waits until all of them wait, but the last, which is refused. */
    const beginUntilRefused = async (key: string, count: number) => {
      const before = followers.length;
      const pages = Array.from({ length: count }, () => begin(key).page);
      await expect.poll(() => followers.length).toBe(before + count);
      expect(await begin(key).refused).toMatch(/^503 .*callers of yours that wait for changes/);
      return pages;
    };
    const pages = [...(await beginUntilRefused(KEY, 4)), ...(await beginUntilRefused("old", 2))];
    // The other key of the same caller.
    expect(await begin("new").refused).toMatch(/^503/);
    for (const follower of followers) follower.send(change(1));
    for (const page of pages) expect((await page).status).toBe(200);
    expect(followers.length).toBe(6);
  });

  test("is one of as many as there are, if there is one key", async () => {
    const { call, followers } = appWithFeed([], { maxFollowers: 4, keys: [{ name: "only", key: KEY }] });
    const pages = Array.from({ length: 4 }, () => call("GET", "/api/v1/changes?wait=25"));
    await expect.poll(() => followers.length).toBe(4);
    expect((await call("GET", "/api/v1/changes?wait=25")).status).toBe(503);
    for (const follower of followers) follower.send(change(1));
    for (const page of pages) expect((await page).status).toBe(200);
  });

  test("is no request in progress: others are served meanwhile", async () => {
    const { call, followers } = appWithFeed([], { maxConcurrentRequests: 1, maxWaitingRequests: 0 });
    const page = call("GET", "/api/v1/changes?wait=25");
    await expect.poll(() => followers.length).toBe(1);
    expect((await call("GET", "/api/v1/changes")).status).toBe(200);
    followers[0]?.send(change(1));
    expect((await page).status).toBe(200);
  });
});

test("a caller whose name is that of another's schema is another tenant", () => {
  const operator = { name: "tenant_1", key: "a" };
  const tenant = { name: "acme", key: "b", schema: "tenant_1" };
  const followers = new Followers(3, [operator, tenant]);
  const changes = { listChanges: () => Promise.reject(new Error()), followChanges: async function* () {} };
  const follow = (key: typeof operator) => followers.follow(tenantOf(key), changes, {}, undefined);
  follow(operator);
  follow(operator);
  expect(() => follow(operator)).toThrow("callers of yours");
  expect(follow(tenant)).toBeDefined();
});
