import { UnavailableError } from "@flux/dao-core/errors";
import { describe, expect, test } from "vitest";
import { rejection } from "../testing/connected-client.ts";
import { createDaoClient, type DaoClient } from "./dao-client.ts";
import type { ClientRetry, RetryOptions } from "./retry.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

type Reply = Response | Error;

const unavailable = (retryAfter?: string) =>
  Response.json(
    { type: "urn:flux-dao:error:unavailable", code: "unavailable", detail: "No room. Try again later.", status: 503 },
    { status: 503, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } },
  );
/** What either of the calls below returns. */
const row = () =>
  Response.json(
    { user_id: id, virtual_now: null, escalation_speed: 1, updated_count: 1 },
    { headers: { "x-request-id": "1" } },
  );

/** A client that gets these responses in turn, and what it sent. */
function answeredBy(replies: Reply[], options: RetryOptions | false = {}) {
  const sent: string[] = [];
  const retries: ClientRetry[] = [];
  const retry = options === false ? options : { onRetry: (one: ClientRetry) => retries.push(one), ...options };
  const client = createDaoClient({
    baseUrl: "http://service",
    serviceKey: "k",
    retry,
    timeout: 5_000,
    fetch: async (_, init) => {
      sent.push(String(init.method));
      const reply = replies.shift();
      if (reply instanceof Response) return reply;
      throw reply ?? new Error("There is no other reply.");
    },
  });
  return { client, sent, retries };
}

const lost = () => new TypeError("fetch failed");

describe("the client retries calls that can be sent twice", () => {
  const repeatable: Readonly<Record<string, (client: DaoClient) => Promise<unknown>>> = {
    "a read": ({ demoFlags }) => demoFlags.getDemoFlags(id),
    "a PUT": ({ demoFlags }) => demoFlags.putDemoFlags(id, {}),
    "a POST under a key": ({ tasks }) =>
      tasks.bulkUpdateState({ taskIds: [id], newState: "missed" }, { idempotencyKey: "key-1" }),
  };

  test.each(Object.entries(repeatable))(
    "%s, when there was no response, and when there was no room",
    async (_, call) => {
      const { client, sent, retries } = answeredBy([lost(), unavailable(), row()]);
      await call(client);
      expect(sent).toHaveLength(3);
      expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(retries[0]?.operation).toMatch(/^(GET|PUT|POST) \/api\/v1\//);
    },
  );

  const once: Readonly<Record<string, (client: DaoClient) => Promise<unknown>>> = {
    "a POST without a key": ({ tasks }) => tasks.bulkUpdateState({ taskIds: [id], newState: "missed" }),
    "a PATCH": ({ tasks }) => tasks.updateTask(id, { title: "x" }),
    "a DELETE": ({ tasks }) => tasks.deleteTask(id),
    "a PUT that depends on a version": ({ demoFlags }) => demoFlags.putDemoFlags(id, {}, { ifVersion: "v" }),
    "an import": ({ tasks }) => tasks.createTasks([]),
  };

  test.each(Object.entries(once))("but %s once", async (_, call) => {
    for (const reply of [lost(), unavailable()]) {
      const { client, sent } = answeredBy([reply, row(), row()]);
      expect(await rejection(call(client))).toBeInstanceOf(UnavailableError);
      expect(sent).toHaveLength(1);
    }
  });

  test("as often as configured, and then rejects with the error of the last attempt", async () => {
    const { client, sent } = answeredBy([lost(), lost(), lost(), unavailable()], { retries: 3 });
    expect(await rejection(client.demoFlags.getDemoFlags(id))).toMatchObject({ message: "No room. Try again later." });
    expect(sent).toHaveLength(4);
    for (const options of [false, { retries: 0 }] as const) {
      const single = answeredBy([lost(), row()], options);
      expect(await rejection(single.client.demoFlags.getDemoFlags(id))).toBeInstanceOf(UnavailableError);
      expect(single.sent).toHaveLength(1);
    }
  });

  test("but not what was rejected", async () => {
    const refused = Response.json(
      { type: "urn:flux-dao:error:not_found", code: "not_found", detail: "No such row.", status: 404 },
      { status: 404 },
    );
    const { client, sent } = answeredBy([refused, row()]);
    expect(await rejection(client.demoFlags.getDemoFlags(id))).toMatchObject({ code: "not_found" });
    expect(sent).toHaveLength(1);
  });

  test("no sooner than the service asks, and not at all if that is beyond the time-out", async () => {
    const { client, retries } = answeredBy([unavailable("1"), row()]);
    await client.demoFlags.getDemoFlags(id);
    expect(retries[0]?.delay).toBeGreaterThanOrEqual(1_000);
    const late = answeredBy([unavailable("60"), row()]);
    expect(await rejection(late.client.demoFlags.getDemoFlags(id))).toBeInstanceOf(UnavailableError);
    expect(late.sent).toHaveLength(1);
  });

  test("and stops waiting when the caller does", async () => {
    const { client, sent } = answeredBy([unavailable("2"), row()]);
    const leave = new AbortController();
    const call = client.demoFlags.getDemoFlags(id, { signal: leave.signal });
    setTimeout(() => leave.abort(new Error("enough")), 20);
    expect(await rejection(call)).toMatchObject({ message: "enough" });
    expect(sent).toHaveLength(1);
  });
});
