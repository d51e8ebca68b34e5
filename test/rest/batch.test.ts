import { createDaoServices, versionOf } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countedDatabase } from "../../packages/dao-core/test/counted-trips.ts";
import { untilBlocked } from "../blocked-sessions.ts";
import { type Answer, expectProblem, expectStatus, type Problem } from "./answer.ts";
import {
  createConversation,
  createGoal,
  createOwner,
  createTask,
  createUser,
  type GoalRow,
  uniqueEmail,
  unknownId,
} from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

let sql: postgres.Sql;
beforeAll(() => {
  sql = postgres(server.databaseUrl, { max: 2 });
});
afterAll(() => sql.end());

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly id?: string;
  readonly if_match?: string;
}

interface Results {
  readonly results: readonly { readonly status: number; readonly body?: unknown }[];
}

const batch = (operations: unknown, headers: Record<string, string> = {}) =>
  call<Results>("POST", "/api/v1/batch", { body: { operations }, headers });

const goalsOf = async (userId: string) =>
  expectStatus(await call<{ total: number }>("GET", `/api/v1/goals/?user_id=${userId}&limit=1`), 200).total;

const newGoal = (userId: string, others: object = {}): Sent => ({
  method: "POST",
  path: "/api/v1/goals/",
  body: { user_id: userId, title: "t" },
  ...others,
});

type Status = Parameters<typeof expectProblem>[1];

/** Expects the problem of a failed operation, and returns the path of what is wrong. */
function expectFailure(answer: Answer, status: Status): string | undefined {
  expectProblem(answer, status);
  return (answer.body as Problem).errors?.[0]?.path;
}

test("each operation has the status and the body that it has by itself, and sees those before it", async () => {
  const user = await createUser(call);
  const [goalId, milestoneId] = [unknownId(), unknownId()];
  const { results } = expectStatus(
    await batch([
      newGoal(user.id, { id: goalId.toUpperCase() }),
      {
        method: "POST",
        path: "/api/v1/milestones",
        id: milestoneId,
        body: { goal_id: goalId, week_number: 1, title: "m" },
      },
      { method: "PATCH", path: `/api/v1/goals/${goalId}/`, body: { status: "done", unknown: 1, unknown_too: {} } },
      { method: "GET", path: `/api/v1/milestones/?goal_id=${goalId}&page_size=5` },
      { method: "PUT", path: `/api/v1/demo-flags/${user.id}`, body: { virtual_now: "2026-02-15T12:00:00+02:00" } },
      { method: "DELETE", path: `/api/v1/milestones/${milestoneId}` },
      { method: "GET", path: `/api/v1/goals/${goalId}/full` },
    ]),
    200,
  );
  expect(results.map(({ status }) => status)).toEqual([201, 201, 200, 200, 200, 204, 200]);
  expect(results[0]?.body).toMatchObject({ id: goalId, user_id: user.id, status: "active" });
  expect(results[3]?.body).toMatchObject({ items: [results[1]?.body], page_size: 5, total: 1 });
  expect(results[4]?.body).toMatchObject({ virtual_now: "2026-02-15T10:00:00.000Z" });
  expect(results[5]).toEqual({ status: 204 });
  expect(results[6]?.body).toEqual(expectStatus(await call("GET", `/api/v1/goals/${goalId}/full`), 200));
  expect(server.logLines().map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ method: "POST", path: "/api/v1/batch", status: 200, caller: expect.any(String) }),
  );
});

describe("an operation that cannot be run is refused, and nothing is done", () => {
  const id = unknownId();
  const goal = `/api/v1/goals/${id}`;
  test.each<[string, unknown, string]>([
    ["no object", "GET /api/v1/goals/", "1"],
    ["null", null, "1"],
    ["a list", [], "1"],
    ["no method", { path: goal }, "1.method"],
    ["a method in lower case", { method: "get", path: goal }, "1.method"],
    ["HEAD", { method: "HEAD", path: goal }, "1.method"],
    ["a method that the path does not support", { method: "PUT", path: goal, body: {} }, "1.method"],
    ["no path", { method: "GET" }, "1.path"],
    ["an unknown path", { method: "GET", path: "/api/v1/nothing" }, "1.path"],
    ["a public path", { method: "GET", path: "/ready" }, "1.path"],
    ["an absolute URL", { method: "GET", path: `http://localhost${goal}` }, "1.path"],
    ["another host", { method: "GET", path: `//localhost${goal}` }, "1.path"],
    ["a relative path", { method: "GET", path: `api/v1/goals/${id}` }, "1.path"],
    ["a fragment", { method: "GET", path: `${goal}#x` }, "1.path"],
    ["two dots", { method: "GET", path: "/api/v1/goals/../users/" }, "1.path"],
    ["two dots for an id", { method: "GET", path: "/api/v1/goals/.." }, "1.id"],
    ["encoded dots", { method: "GET", path: "/api/v1/goals/%2e%2e" }, "1.id"],
    ["an encoded slash", { method: "GET", path: `/api/v1/goals%2F${id}` }, "1.path"],
    ["invalid percent-encoding", { method: "GET", path: "/api/v1/goals/%ff" }, "1.path"],
    ["NUL in the path", { method: "GET", path: "/api/v1/goals/\u0000" }, "1.id"],
    ["an unknown parameter", { method: "GET", path: "/api/v1/goals/?nothing=1" }, "1.nothing"],
    ["a parameter that breaks a rule", { method: "GET", path: "/api/v1/goals/?page=0" }, "1.page"],
    ["a query where there is none", { method: "DELETE", path: `${goal}?force=true` }, "1.force"],
    ["a batch", { method: "POST", path: "/api/v1/batch", body: { operations: [] } }, "1.path"],
    ["a stream", { method: "GET", path: "/api/v1/tasks/stream" }, "1.path"],
    ["an import", { method: "POST", path: "/api/v1/tasks/import", body: [] }, "1.path"],
    ["no body", { method: "POST", path: "/api/v1/goals/" }, "1.body"],
    ["a body where there is none", { method: "GET", path: goal, body: {} }, "1.body"],
    ["an id of an existing row", { method: "PATCH", path: goal, body: {}, id }, "1.id"],
    ["an id that is none", { method: "POST", path: "/api/v1/goals/", body: {}, id: "1" }, "1.id"],
    ["a version of what is created", { method: "POST", path: "/api/v1/goals/", body: {}, if_match: "*" }, "1.if_match"],
    ["a version of what is read", { method: "GET", path: goal, if_match: "*" }, "1.if_match"],
    ["a version without quotes", { method: "DELETE", path: goal, if_match: "x" }, "1.if_match"],
    ["an Idempotency-Key", { method: "DELETE", path: goal, idempotency_key: "k" }, "1.idempotency_key"],
    ["headers", { method: "DELETE", path: goal, headers: { "idempotency-key": "k" } }, "1.headers"],
  ])("%s", async (_, operation, path) => {
    const user = await createUser(call);
    expect(expectFailure(await batch([newGoal(user.id), operation]), 400)).toBe(path);
    expect(await goalsOf(user.id)).toBe(0);
  });

  test.each([
    ["none", []],
    ["101", Array(101).fill({ method: "GET", path: "/api/v1/goals/" })],
    ["an object", {}],
    ["nothing", undefined],
  ])("operations: %s", async (_, operations) => {
    expect(expectFailure(await batch(operations), 400)).toBe("operations");
  });
});

describe("the problem is that of the operation that failed, with its number", () => {
  const missing = unknownId();
  test.each<[Status, string, Sent]>([
    [404, "1", { method: "DELETE", path: `/api/v1/goals/${missing}` }],
    [422, "1.user_id", newGoal(missing)],
    [400, "1.title", { method: "POST", path: "/api/v1/goals/", body: { user_id: missing, title: "" } }],
    [400, "1", { method: "POST", path: "/api/v1/goals/", body: null }],
  ])("%i at %s", async (status, path, operation) => {
    const user = await createUser(call);
    const answer = await batch([newGoal(user.id), operation, newGoal(user.id)]);
    expect(expectFailure(answer, status)).toBe(path);
    expect(answer.body).toMatchObject({ instance: "/api/v1/batch" });
    expect(await goalsOf(user.id)).toBe(0);
  });

  test("412 and 409", async () => {
    const goal = await createOwner(call);
    const path = `/api/v1/goals/${goal.id}`;
    const etag = (await call("GET", path)).headers.get("etag") ?? "";
    const patch: Sent = { method: "PATCH", path, body: { title: "Other" }, if_match: `"x", ${etag}` };
    expect(expectFailure(await batch([patch, patch]), 412)).toBe("1");
    expect(expectFailure(await batch([{ ...patch, if_match: `W/${etag}` }]), 412)).toBe("0");
    expect(expectStatus(await call<GoalRow>("GET", path), 200)).toEqual(goal);
    expectStatus(await batch([patch, { ...patch, if_match: "*" }]), 200);
    expect(expectFailure(await batch([newGoal(goal.user_id, { id: goal.id })]), 409)).toBe("0.id");
    const email = uniqueEmail();
    const signUp: Sent = { method: "POST", path: "/api/v1/users/", body: { name: "Ada", email } };
    expect(expectFailure(await batch([signUp, signUp]), 409)).toBe("1.email");
  });

  test("of 100 operations the 57th fails", async () => {
    const { id } = await createUser(call);
    const operations = Array.from({ length: 100 }, () => newGoal(id));
    operations[56] = newGoal(missing);
    expect(expectFailure(await batch(operations), 422)).toBe("56.user_id");
    expect(await goalsOf(id)).toBe(0);
  });
});

describe("a batch is a request as any other", () => {
  test("takes an Idempotency-Key: it takes effect once, also of many at once, and a failed one can be sent again", async () => {
    const { id } = await createUser(call);
    const goalId = unknownId();
    const key = { "Idempotency-Key": unknownId() };
    const patch: Sent = { method: "PATCH", path: `/api/v1/goals/${goalId}`, body: { title: "Other" } };
    expectProblem(await batch([newGoal(id), patch], key), 404);
    const operations = [newGoal(id, { id: goalId }), patch];
    const answers = await Promise.all(Array.from({ length: 10 }, () => batch(operations, key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("idempotent-replayed") === null)).toHaveLength(1);
    expect(await goalsOf(id)).toBe(1);
    expectProblem(await batch([newGoal(id)], key), 422);
  });

  test("takes no If-Match, no query string, no other method, no other type, and no body over the limit", async () => {
    const operations = [{ method: "GET", path: "/api/v1/goals/" }];
    expect(expectFailure(await batch(operations, { "If-Match": "*" }), 400)).toBe("If-Match");
    expect(expectFailure(await call("POST", "/api/v1/batch?x=1", { body: { operations } }), 400)).toBe("x");
    expectProblem(await call("GET", "/api/v1/batch"), 405);
    expectProblem(await batch(operations, { "Content-Type": "text/plain" }), 415);
    expectProblem(await batch([{ ...operations[0], path: `/${"x".repeat(1_100_000)}` }]), 413);
    expectProblem(await batch(operations, { "X-Flux-Service-Key": "wrong" }), 403);
    expectStatus(await call("POST", "/api/v1/batch/", { body: { operations } }), 200);
  });

  test("hostile JSON does no harm", async () => {
    const { id } = await createUser(call);
    const send = (text: string) => call("POST", "/api/v1/batch", { body: text });
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const goal = (body: string) =>
      send(`{"operations":[{"method":"POST","path":"/api/v1/goals/","body":{"user_id":"${id}","title":"t",${body}}}]}`);
    for (const body of ["", "[]", "null", "1", '"operations"', "{", `{"operations":${deep}}`]) {
      expectProblem(await send(body), 400);
    }
    expectStatus(await goal(`"__proto__":{"status":"x"},"constructor":{"prototype":1},"to_string":1,"x":${deep}`), 200);
    expectStatus(await goal(`"x":${deep},"y":12345678901234567890`), 200);
    expect(await goalsOf(id)).toBe(2);
    expect(Reflect.get({}, "status")).toBeUndefined();
    const user = (preferences: string) =>
      send(`{"operations":[{"method":"PATCH","path":"/api/v1/users/${id}","body":{"preferences":${preferences}}}]}`);
    expectStatus(await user('{"start_time":"2026-02-15T10:00:00+02:00","__proto__":{"a":1}}'), 200);
    // As alone: a number that a double cannot hold exactly.
    expect(expectFailure(await user('{"deep":{"n":12345678901234567890}}'), 400)).toBe("0.preferences.deep.n");
  });

  test("paths are accepted with the base path of the app and without it, on a database and on its services", async () => {
    const { id } = await createUser(call);
    const keys = [{ name: "k", key: "key-of-the-test" }];
    for (const services of [server.database, createDaoServices(server.database)]) {
      const app = createDaoApp({ services, keys, basePath: "/dao" });
      const operations = [
        newGoal(id),
        newGoal(id, { path: "/dao/api/v1/goals" }),
        { method: "DELETE", path: `/dao/api/v1/goals/${unknownId()}` },
      ];
      const send = (count: number) =>
        app.fetch(
          new Request("http://localhost/dao/api/v1/batch", {
            method: "POST",
            headers: { "x-flux-service-key": "key-of-the-test", "content-type": "application/json" },
            body: JSON.stringify({ operations: operations.slice(0, count) }),
          }),
        );
      expect(await (await send(2)).json()).toMatchObject({ results: [{ status: 201 }, { status: 201 }] });
      expect(await (await send(3)).json()).toMatchObject({ status: 404, errors: [{ path: "2" }] });
    }
    expect(await goalsOf(id)).toBe(4);
  });

  test("results that would take much memory are refused, and nothing is written", async () => {
    const goal = await createOwner(call);
    const half = { messages: ["x".repeat(300_000)] };
    const conversations = [await createConversation(call, goal, half), await createConversation(call, goal, half)];
    const list = { method: "GET", path: `/api/v1/conversations/?goal_id=${goal.id}` };
    expect(expectFailure(await batch([newGoal(goal.user_id), list]), 413)).toBe("1");
    const one = { method: "GET", path: `/api/v1/conversations/${conversations[0]?.id}` };
    expectStatus(await batch([one, one]), 200);
    expect(expectFailure(await batch([newGoal(goal.user_id), ...Array(20).fill(one)]), 413)).toMatch(/^1[34]$/);
    expect(await goalsOf(goal.user_id)).toBe(1);
  });
});

describe("at once", () => {
  test("batches that deadlock are run again, as a whole", async () => {
    const goal = await createOwner(call);
    const tasks = [await createTask(call, goal), await createTask(call, goal), await createTask(call, goal)];
    const operations = tasks.map(({ id }) => ({
      method: "PATCH",
      path: `/api/v1/tasks/${id}`,
      body: { title: "Other" },
    }));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        batch([newGoal(goal.user_id), ...(index % 2 === 0 ? operations : operations.toReversed())]),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(await goalsOf(goal.user_id)).toBe(9);
  });

  test("of a client that has gone, all is written or nothing, and its connection is free again", async () => {
    const goal = await createOwner(call);
    const leave = new AbortController();
    const sent = sql.begin(async (lock) => {
      await lock`select from goals where id = ${goal.id} for update`;
      const response = fetch(`${server.baseUrl}/api/v1/batch`, {
        method: "POST",
        headers: { "x-flux-service-key": KEYS.scheduler, "content-type": "application/json" },
        body: JSON.stringify({
          operations: [
            newGoal(goal.user_id),
            { method: "PATCH", path: `/api/v1/goals/${goal.id}`, body: { title: "x" } },
          ],
        }),
        signal: leave.signal,
      });
      const gone = expect(response).rejects.toThrow();
      await untilBlocked(sql, 1);
      leave.abort();
      await gone;
    });
    await sent;
    await expect.poll(() => goalsOf(goal.user_id)).toBe(2);
    const { title } = await createDaoServices(server.database).goals.getGoal(goal.id);
    expect(title).toBe("x");
  });
});

test("a version of versionOf is that of if_match", async () => {
  const goal = await createGoal(call, await createUser(call));
  const row = await createDaoServices(server.database).goals.getGoal(goal.id);
  const operation = { method: "DELETE", path: `/api/v1/goals/${goal.id}`, if_match: `"${versionOf(row)}"` };
  expect(expectStatus(await batch([operation]), 200)).toEqual({ results: [{ status: 204 }] });
});

test("several writes take a round trip to the database in all, besides BEGIN and COMMIT; one takes only its own", async () => {
  await using counted = await countedDatabase(server.databaseUrl);
  const { id } = await createUser(call);
  const app = createDaoApp({ services: counted.database, keys: [{ name: "own", key: KEYS.observer }] });
  const rename = { method: "PATCH", path: `/api/v1/users/${id}`, body: { name: "Other" } };
  const send = async (...operations: Sent[]) => {
    const headers = { "X-Flux-Service-Key": KEYS.observer, "Content-Type": "application/json" };
    const body = JSON.stringify({ operations });
    const response = await app.fetch(new Request("http://host/api/v1/batch", { method: "POST", headers, body }));
    expect(response.status).toBe(200);
    const { results } = (await response.json()) as Results;
    expect(results.map(({ status }) => status)).toEqual(
      operations.map(({ method }) => (method === "POST" ? 201 : 200)),
    );
  };
  // Prepares the statements, and is behind the first look for expired rows.
  for (let round = 0; round < 3; round++) await send(newGoal(id), rename);
  expect(await counted.count(() => send(newGoal(id)))).toBe(1);
  expect(await counted.count(() => send(newGoal(id), rename))).toBe(3);
  expect(await counted.count(() => send(newGoal(id), rename, newGoal(id), rename, newGoal(id)))).toBe(3);
});
