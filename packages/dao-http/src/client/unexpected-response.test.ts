import { describe, expect, test } from "vitest";
import { rejection, sampleResult } from "../testing/connected-client.ts";
import { encode } from "../wire/json.ts";
import { createDaoClient, type DaoClient } from "./dao-client.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

/** A client that always gets this response, and how many calls it sent. */
function answeredWith(body: string | null, init: ResponseInit) {
  let sent = 0;
  const fetch = async () => {
    sent++;
    return new Response(body, init);
  };
  return { client: createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch, timeout: 3_000 }), sent: () => sent };
}

const html = (status: number): [string, ResponseInit] => [
  "<html><title>password: hunter2</title></html>",
  { status, headers: { "content-type": "text/html; charset=hunter2" } },
];
const json = (value: unknown, init: ResponseInit = {}): [string, ResponseInit] => [
  JSON.stringify(value),
  { ...init, headers: { "content-type": "application/json", ...init.headers } },
];

describe("something between client and service", () => {
  const passing: Readonly<Record<string, [string | null, ResponseInit]>> = {
    "a proxy whose upstream is down": html(502),
    "a proxy whose upstream is slow": html(504),
    "a maintenance page": html(503),
    "a balancer with a status of its own": html(521),
    "a gateway's own fault": json({ message: "Internal server error" }, { status: 500 }),
    "a rate limit": html(429),
    "a proxy that waited for us": html(408),
    "a redirect": [null, { status: 302, headers: { location: "https://sign-in.example/?next=hunter2" } }],
    "a redirect that keeps the method": [null, { status: 308, headers: { location: "https://x/" } }],
    "a captive portal": html(200),
    "an empty response": ["", { status: 200 }],
    "no content": [null, { status: 204 }],
    "a response of a cache": [null, { status: 304 }],
    "a response that only accepts": json({ id }, { status: 202 }),
    "a foreign object": json({ status: "ok", hunter2: 1 }),
    "a foreign list": json([]),
    "a foreign null": json(null),
    "a page of foreign items": json({ ...Object(JSON.parse(encode(sampleResult("listUsers")))), items: [1] }),
    "a foreign problem": json(
      { type: "about:blank", title: "Down", status: 503, code: "conflict", detail: "hunter2" },
      { status: 503 },
    ),
    "half of a response": [
      '{"items":[{"id":"hunter2',
      { status: 200, headers: { "content-type": "application/json" } },
    ],
  };

  test.each(Object.entries(passing))(
    "%s is UnavailableError, which describes the response without its body",
    async (_, answer) => {
      const { client, sent } = answeredWith(...answer);
      const error = await rejection(client.users.listUsers());
      expect(error).toMatchObject({ name: "UnavailableError", code: "unavailable" });
      expect(String(error)).toContain(`status ${answer[1].status ?? 200}, `);
      expect(String(error)).not.toContain("hunter2");
      expect(sent(), "a read is sent again").toBe(3);
    },
  );

  test("only for a redirect it says that none is followed", async () => {
    const told = [302, 304].map(async (status) => {
      const { client } = answeredWith(null, { status });
      return String(await rejection(client.users.getUser(id))).includes("Redirects are not followed");
    });
    expect(await Promise.all(told)).toEqual([true, false]);
  });

  test("after an unexpected response, a write may have been done, and is not sent again", async () => {
    const writes: Readonly<Record<string, (client: DaoClient) => Promise<unknown>>> = {
      post: ({ users }) => users.createUser({ name: "Ada", email: "a@b" }),
      patch: ({ users }) => users.updateUser(id, { name: "Ada" }),
      delete: ({ users }) => users.deleteUser(id),
      import: ({ tasks }) => tasks.createTasks([]),
    };
    for (const answer of [html(502), html(504), html(200), json({ status: "ok" })]) {
      for (const [name, call] of Object.entries(writes)) {
        const { client, sent } = answeredWith(...answer);
        expect(String(await rejection(call(client))), name).toMatch(
          /UnavailableError: .*may or may not have taken effect/,
        );
        expect(sent(), name).toBe(1);
      }
    }
  });

  const empty: Readonly<Record<string, [[string | null, ResponseInit], (client: DaoClient) => Promise<unknown>]>> = {
    "a deletion": [[null, { status: 204 }], ({ users }) => users.deleteUser(id)],
    "an import": [json({ created_count: 0 }, { status: 201 }), ({ tasks }) => tasks.createTasks([])],
    "a bulk update": [
      json({ updated_count: 0 }),
      ({ tasks }) => tasks.bulkUpdateState({ taskIds: [id], newState: "missed" }),
    ],
    "an append": [
      json({ message_count: 1 }),
      ({ conversations }) => conversations.appendMessages(id, { messages: [1] }),
    ],
    "an empty range": [
      json([]),
      ({ tasks }) => tasks.getTasksByTimerange({ userId: id, startTime: new Date(0), endTime: new Date(1) }),
    ],
  };
  test.each(Object.entries(empty))(
    "a foreign success is not mistaken for the service's: %s",
    async (_, [answer, call]) => {
      expect(String(await rejection(call(answeredWith(...answer).client)))).toMatch(
        /UnavailableError: .*no X-Request-Id/,
      );
      const [body, init] = answer;
      const ours = { ...init, headers: { ...init.headers, "x-request-id": "1" } };
      expect(await rejection(call(answeredWith(body, ours).client))).toBe(undefined);
    },
  );

  test.each([400, 401, 404, 407, 413, 414])("its own rejection (%i) is not retried", async (status) => {
    const bodies = [
      { code: 404, detail: ["hunter2"] },
      { code: "not_found", detail: "hunter2: no route" },
      { type: "about:blank", code: "not_found", detail: "hunter2" },
    ];
    for (const answer of [html(status), ...bodies.map((body) => json(body, { status }))]) {
      const { client, sent } = answeredWith(...answer);
      const error = await rejection(client.users.getUser(id));
      expect(error).toMatchObject({ name: "UnexpectedResponseError", status, code: undefined });
      expect(String(error)).not.toContain("hunter2");
      expect(sent()).toBe(1);
    }
  });

  test("after a 429 or without a connection, a write was not done, and is sent again", async () => {
    const created: unknown = sampleResult("createUser");
    for (const failure of ["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT", 429]) {
      let sent = 0;
      const fetch = async () => {
        if (sent++ > 0) return new Response(encode(created), { headers: { "x-request-id": "1" } });
        if (typeof failure === "number") return new Response("", { status: failure });
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("connect"), { code: failure }) });
      };
      const { users } = createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch });
      expect(await users.createUser({ name: "Ada", email: "a@b" })).toEqual(created);
      expect(sent).toBe(2);
    }
  });
});

describe("a service of another version", () => {
  const headers = { "x-request-id": "request-1" };
  const problem = (fields: object, status: number) =>
    json({ type: "urn:flux-dao:error:new", status, detail: "Say it in Latin.", ...fields }, { status, headers });

  test("may return errors for which this client has no class", async () => {
    const unknown = answeredWith(...problem({ code: "not_latin" }, 422)).client;
    expect(await rejection(unknown.users.getUser(id))).toMatchObject({
      name: "UnexpectedResponseError",
      status: 422,
      code: "not_latin",
      message: "Say it in Latin.",
      requestId: "request-1",
    });
    const passing = answeredWith(...problem({ code: "moving_house" }, 503)).client;
    expect(await rejection(passing.users.deleteUser(id))).toMatchObject({
      name: "UnavailableError",
      message: "Say it in Latin.",
    });
    const reason = answeredWith(...problem({ code: "conflict", reason: "unheard_of" }, 409)).client;
    expect(await rejection(reason.users.getUser(id))).toMatchObject({
      name: "ConflictError",
      message: "Say it in Latin.",
    });
    for (const errors of [undefined, [], null, 5]) {
      const { client } = answeredWith(...problem({ code: "validation_failed", errors }, 400));
      expect(await rejection(client.users.getUser(id))).toMatchObject({ issues: [], message: "Say it in Latin." });
    }
    const garbled = answeredWith(
      ...problem({ code: "validation_failed", errors: [null, { path: 5 }, "x"] }, 400),
    ).client;
    expect(await rejection(garbled.users.getUser(id))).toMatchObject({ name: "ValidationError" });
  });

  test("may have other fields: additional ones are kept, missing ones are named", async () => {
    const user = Object(JSON.parse(encode(sampleResult("getUser"))));
    const more = answeredWith(...json({ ...user, nick_name: "Countess" }, { headers })).client;
    expect(await more.users.getUser(id)).toMatchObject({ nickName: "Countess" });
    const cases: readonly [unknown, string][] = [
      [{ ...user, email: undefined }, "email"],
      [{ ...user, created_at: "yesterday" }, "created_at"],
      [{ ...user, demo_mode: "false" }, "demo_mode"],
      [{ ...user, name: null }, "name"],
    ];
    for (const [body, field] of cases) {
      const { client, sent } = answeredWith(...json(body, { headers }));
      const error = await rejection(client.users.getUser(id));
      expect(error).toMatchObject({ name: "UnexpectedResponseError", status: 200, requestId: "request-1" });
      expect(String(error)).toContain(field);
      expect(sent()).toBe(1);
    }
    const page = { ...Object(JSON.parse(encode(sampleResult("listTasks")))), items: [{ id }] };
    const { client } = answeredWith(...json(page, { headers }));
    expect(String(await rejection(client.tasks.listTasks()))).toContain("items.0.user_id");
  });
});

describe("Retry-After", () => {
  /** The delay before the second attempt; `undefined` if there was none. */
  async function delayFor(headers: Record<string, string>): Promise<number | undefined> {
    let delay: number | undefined;
    const leave = new AbortController();
    const { users } = createDaoClient({
      baseUrl: "http://x",
      serviceKey: "k",
      fetch: async () => new Response("", { status: 503, headers }),
      retry: {
        onRetry: (retry) => {
          delay = retry.delay;
          leave.abort();
        },
      },
    });
    await rejection(users.listUsers({}, { signal: leave.signal }));
    return delay;
  }
  const date = (time: number) => new Date(time).toUTCString();

  test("is seconds, or a date by the sender's clock", async () => {
    expect(await delayFor({ "retry-after": "7" })).toBeGreaterThanOrEqual(7_000);
    const elsewhere = Date.UTC(2001, 1, 3);
    const headers = { "retry-after": date(elsewhere + 7_000), date: date(elsewhere) };
    expect(await delayFor(headers)).toBeGreaterThanOrEqual(7_000);
    expect(await delayFor(headers)).toBeLessThanOrEqual(7_100);
    expect(await delayFor({ "retry-after": date(Date.now() + 9_000) })).toBeGreaterThanOrEqual(5_000);
  });

  test.each(["", "-1", "1.5", "soon", "1, 2", "0x7", date(0)])("%j asks for no wait", async (retryAfter) => {
    expect(await delayFor({ "retry-after": retryAfter })).toBeLessThanOrEqual(100);
  });

  test.each(["31", "999999", "99999999999", "9".repeat(400), date(Date.UTC(9999, 11, 31))])(
    "%s is beyond the call's time-out: it fails at once",
    async (retryAfter) => {
      expect(await delayFor({ "retry-after": retryAfter })).toBeUndefined();
    },
  );
});
