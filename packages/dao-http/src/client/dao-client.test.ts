import { getEventListeners } from "node:events";
import {
  ConflictError,
  type DaoServices,
  IdempotencyKeyReusedError,
  NotFoundError,
  RelatedRowMissingError,
  RetryableError,
  SchemaVersionError,
  TransactionLostError,
  UnavailableError,
  ValidationError,
  VersionMismatchError,
} from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import { operations } from "../api/operations.gen.ts";
import { connectedClient, rejection, sampleResult } from "../testing/connected-client.ts";
import { encode } from "../wire/json.ts";
import type { DaoClientOptions, Fetch } from "./connection.ts";
import { createDaoClient } from "./dao-client.ts";
import { InvalidServiceKeyError, UnexpectedResponseError } from "./errors.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

describe("the client", () => {
  test("has every method of every service", () => {
    const { client } = connectedClient();
    for (const name of Object.keys(operations)) {
      const method = name.split(".").reduce<unknown>((value, key) => Reflect.get(Object(value), key), client);
      expect(typeof method, name).toBe("function");
    }
  });

  test.each<[string, (client: DaoServices) => Promise<unknown>, readonly unknown[]]>([
    ["GET /api/v1/users/", ({ users }) => users.listUsers(), [{}]],
    [
      "GET /api/v1/tasks/?page=2&is_recurring=false",
      ({ tasks }) => tasks.listTasks({ page: 2, isRecurring: false, userId: undefined }),
      [{ page: 2, isRecurring: false }],
    ],
    [
      `GET /api/v1/tasks/by-timerange?user_id=${id}&start_time=1970-01-01T00%3A00%3A00.000Z&end_time=1970-01-01T00%3A00%3A00.001Z`,
      ({ tasks }) => tasks.getTasksByTimerange({ userId: id, startTime: new Date(0), endTime: new Date(1) }),
      [{ userId: id, startTime: new Date(0), endTime: new Date(1) }],
    ],
    [`GET /api/v1/goals/${id}/full`, ({ goals }) => goals.getGoalFull(id), [id]],
    [`DELETE /api/v1/milestones/${id}`, ({ milestones }) => milestones.deleteMilestone(id), [id]],
    [
      `PATCH /api/v1/tasks/${id}`,
      ({ tasks }) => tasks.updateTask(id, { startTime: new Date(5), endTime: null }),
      [id, { startTime: new Date(5), endTime: null }],
    ],
    [
      `PUT /api/v1/demo-flags/${id}`,
      ({ demoFlags }) => demoFlags.putDemoFlags(id, { virtualNow: new Date(5) }),
      [id, { virtualNow: new Date(5) }],
    ],
    [
      "GET /api/v1/users/?email=a%2Bb%40x%26y",
      ({ users }) => users.listUsers({ email: "a+b@x&y" }),
      [{ email: "a+b@x&y" }],
    ],
  ])("%s", async (request, call, args) => {
    const { client, calls, sent } = connectedClient();
    await call(client);
    expect(sent).toEqual([request]);
    expect(calls[0]?.args).toEqual(args);
  });

  test("returns DTOs: Dates, camelCase, JSON columns untouched", async () => {
    const user = {
      id,
      name: "Ada",
      email: "a@b",
      preferences: { a_b: { cD: 1 } },
      demoMode: false,
      createdAt: new Date(7),
    };
    const { client } = connectedClient(() => user);
    expect(await client.users.getUser(id)).toEqual(user);
    const page = { items: [user], total: 1, page: 1, pageSize: 100, hasNext: false, hasPrev: false, nextCursor: null };
    expect(await connectedClient(() => page).client.users.listUsers()).toEqual(page);
    expect(await connectedClient().client.users.deleteUser(id)).toBeUndefined();
  });
});

describe("errors are those of the services", () => {
  test.each([
    new ValidationError([
      { path: "id", message: "m" },
      { path: "milestones.0.weekNumber", message: "n" },
    ]),
    new NotFoundError("task", id),
    new VersionMismatchError("task", id),
    new IdempotencyKeyReusedError(),
    new ConflictError("email is taken.", { field: "email" }),
    new RelatedRowMissingError("milestoneId", id),
    new RelatedRowMissingError("goalId", undefined),
    new RetryableError("Run it again."),
    new UnavailableError("Try again later."),
    new TransactionLostError("rolled_back"),
    new TransactionLostError("unknown"),
    new SchemaVersionError("Run migrate()."),
  ])("$name", async (thrown) => {
    const { client } = connectedClient(() => {
      throw thrown;
    });
    const error = await rejection(client.tasks.getTask(id));
    expect(error).toBeInstanceOf(thrown.constructor);
    expect({ ...Object(error), message: String(error) }).toEqual({ ...thrown, message: String(thrown) });
    expect(String(Object(error).stack)).toContain(thrown.message);
  });

  test("a wrong key and a fault of the service have errors of their own, with the request id", async () => {
    const wrong = await rejection(connectedClient(undefined, "wrong").client.users.listUsers());
    expect(wrong).toBeInstanceOf(InvalidServiceKeyError);
    expect(wrong).toMatchObject({ requestId: expect.stringMatching(/\S/) });
    const { client } = connectedClient(() => {
      throw new Error("boom");
    });
    const fault = await rejection(client.users.listUsers());
    expect(fault).toBeInstanceOf(UnexpectedResponseError);
    expect(fault).toMatchObject({ status: 500, code: "internal_error", requestId: expect.stringMatching(/\S/) });
  });
});

describe("values that JSON and query strings cannot represent are rejected as in-process", () => {
  const { client, sent } = connectedClient();
  const untyped = <Input>(input: object): Input => Object.assign(Object.create(Object.prototype), input);
  const cycle: { self?: object } = {};
  cycle.self = cycle;

  test.each<[string, (client: DaoServices) => Promise<unknown>, string]>([
    ["an empty id", ({ tasks }) => tasks.getTask(""), "id"],
    ["an id that is a path", ({ tasks }) => tasks.getTask("../users"), "id"],
    ["an id of dots", ({ tasks }) => tasks.deleteTask(".."), "id"],
    ["an id of demo flags", ({ demoFlags }) => demoFlags.getDemoFlags("x"), "userId"],
    ["an unknown parameter", ({ tasks }) => tasks.listTasks(untyped({ user_id: id })), "user_id"],
    ["a number as text", ({ tasks }) => tasks.listTasks(untyped({ page: "1" })), "page"],
    ["a boolean as text", ({ tasks }) => tasks.listTasks(untyped({ isRecurring: "true" })), "isRecurring"],
    ["text as a number", ({ goals }) => goals.listGoals(untyped({ status: 5 })), "status"],
    ["null for a parameter", ({ goals }) => goals.listGoals(untyped({ status: null })), "status"],
    ["a lone surrogate in a parameter", ({ goals }) => goals.listGoals({ status: "\ud83d" }), "status"],
    [
      "an instant as text",
      ({ tasks }) => tasks.updateTask(id, untyped({ startTime: "2026-02-15T10:00:00Z" })),
      "startTime",
    ],
    [
      "an instant as text in a parameter",
      ({ tasks }) => tasks.getTaskStatistics(untyped({ userId: id, startDate: "2026-02-15T10:00:00Z" })),
      "startDate",
    ],
    ["NaN as an instant", ({ tasks }) => tasks.updateTask(id, untyped({ endTime: Number.NaN })), "endTime"],
    ["a Date as text", ({ tasks }) => tasks.updateTask(id, untyped({ title: new Date() })), "title"],
    [
      "NaN in a JSON column",
      ({ users }) => users.updateUser(id, { preferences: { a: [Number.NaN] } }),
      "preferences.a.0",
    ],
    [
      "a Date in a JSON column",
      ({ users }) => users.updateUser(id, { preferences: untyped({ a: new Date() }) }),
      "preferences.a",
    ],
    [
      "undefined in a JSON column",
      ({ users }) => users.updateUser(id, { preferences: untyped({ a: undefined }) }),
      "preferences.a",
    ],
    ["NaN in a number", ({ milestones }) => milestones.updateMilestone(id, { weekNumber: Number.NaN }), "weekNumber"],
  ])("%s", async (_, call, path) => {
    const error = await rejection(call(client));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ issues: [{ path }] });
    expect(sent).toEqual([]);
  });

  test("a cycle", async () => {
    expect(await rejection(client.users.updateUser(id, { preferences: untyped(cycle) }))).toBeInstanceOf(
      ValidationError,
    );
    expect(await rejection(client.tasks.createTask(untyped(cycle)))).toBeInstanceOf(ValidationError);
  });
});

describe("the connection", () => {
  test("a network failure is UnavailableError, with its cause", async () => {
    const cause = new TypeError("fetch failed");
    const fetch: Fetch = () => Promise.reject(cause);
    const { users } = createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch });
    const error = await rejection(users.listUsers());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ cause });
  });

  /** Never responds, but respects its signal. */
  const hanging: Fetch = (_, { signal }) =>
    new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

  test("a call that takes too long is UnavailableError", async () => {
    const { users } = createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch: hanging, timeout: 30 });
    const error = await rejection(users.listUsers());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(String(error)).toContain("30 ms");
  });

  test("a call may have a time-out of its own", async () => {
    const { users } = createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch: hanging, timeout: 60_000 });
    expect(String(await rejection(users.getUser(id, { timeout: 20 })))).toContain("20 ms");
    expect(String(await rejection(users.createUser({ name: "Ada", email: "a@b" }, { timeout: 30 })))).toContain(
      "30 ms",
    );
  });

  test("a signal ends the call with its own reason, before or while it is sent", async () => {
    const { users } = createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch: hanging });
    const reason = new Error("changed my mind");
    expect(await rejection(users.listUsers({}, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const call = rejection(users.getUser(id, { signal: controller.signal }));
    controller.abort(reason);
    expect(await call).toBe(reason);
  });

  test("a fetch that responds to an aborted request, like an in-process app, counts as aborted", async () => {
    const responding: Fetch = (_, { signal }) =>
      new Promise((resolve) => signal?.addEventListener("abort", () => resolve(new Response(null, { status: 499 }))));
    const { users } = createDaoClient({ baseUrl: "http://x", serviceKey: "k", fetch: responding });
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const call = rejection(users.getUser(id, { signal: controller.signal }));
    controller.abort(reason);
    expect(await call).toBe(reason);
    const late = await rejection(users.getUser(id, { timeout: 20 }));
    expect(late).toBeInstanceOf(UnavailableError);
    expect(String(late)).toContain("20 ms");
  });

  test("many calls may share a signal, of which Node.js does not warn", async () => {
    const stop = new AbortController();
    const waiting: AbortSignal[] = [];
    const fetch: Fetch = (_, { signal }) =>
      new Promise((_, reject) => {
        if (signal === undefined || signal === null) return;
        waiting.push(signal);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const { users } = createDaoClient({ baseUrl: "http://service", serviceKey: "k", fetch });
    const calls = Array.from({ length: 12 }, () => rejection(users.getUser(id, { signal: stop.signal })));
    await expect.poll(() => waiting.length).toBe(12);
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
    stop.abort(new Error("stopping"));
    expect(new Set(await Promise.all(calls))).toEqual(new Set([stop.signal.reason]));
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  });

  test("a base URL may have a path, and must be one", async () => {
    const urls: string[] = [];
    const fetch: Fetch = async (url) => {
      urls.push(url);
      return new Response(encode(sampleResult("listUsers")), { headers: { "x-request-id": "1" } });
    };
    await createDaoClient({ baseUrl: "http://x/dao/", serviceKey: "k", fetch }).users.listUsers();
    expect(urls).toEqual(["http://x/dao/api/v1/users/"]);
    const noUrls = ["", "x", "ftp://x", "http://", "http://x?y", "http://x#y", "http://me:hunter2@x"];
    for (const baseUrl of [...noUrls, "http://x:80000", "http://x y", "http://x:80 ", "http://[::1"]) {
      expect(() => createDaoClient({ baseUrl, serviceKey: "k" })).toThrow("baseUrl must be");
      expect(() => createDaoClient({ baseUrl, serviceKey: "k" })).not.toThrow("hunter2");
    }
    // As from an environment without the variable, or under another name.
    const unset: Partial<DaoClientOptions> = { serviceKey: "k" };
    expect(() => createDaoClient(unset as DaoClientOptions)).toThrow("baseUrl must be");
  });

  test.each(["", "hunter2\n", "hunter2 ", "hünter2", "x".repeat(201)])(
    "a key that a header cannot contain is rejected at once, and never shown: %j",
    (serviceKey) => {
      const create = () => createDaoClient({ baseUrl: "http://x", serviceKey });
      expect(create).toThrow(/serviceKey must be/);
      expect(create).not.toThrow(/nter2/);
    },
  );

  test("a missing key, as of an unset variable, is rejected at once", () => {
    const options: DaoClientOptions = JSON.parse('{ "baseUrl": "http://x" }');
    expect(() => createDaoClient(options)).toThrow(/serviceKey must be/);
  });

  test.each([0, 1.5, 2 ** 31])("a time-out that no timer can keep is rejected at once: %d", (timeout) => {
    const create = () => createDaoClient({ baseUrl: "http://x", serviceKey: "k", timeout });
    expect(create).toThrow("timeout must be a whole number from 1 to 2147483647.");
  });
});
