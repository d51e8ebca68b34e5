import { IdempotencyKeyReusedError } from "@flux/dao-core";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { createLogger, readSettings } from "@flux/dao-http/server";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { postsOf } from "./posts.ts";
import { createConversation, createOwner, createUser, type GoalRow, uniqueEmail, unknownId } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

let sql: postgres.Sql;
beforeAll(() => {
  sql = postgres(server.databaseUrl, { max: 2 });
});
afterAll(() => sql.end());

const newKey = () => crypto.randomUUID();
const keyed = (key: string, headers: object = {}) => ({ "Idempotency-Key": key, ...headers });
const isReplay = ({ headers }: Answer) => headers.get("idempotent-replayed") === "true";
const times = <Result>(count: number, make: (index: number) => Result) =>
  Array.from({ length: count }, (_, i) => make(i));

/** What makes two responses the same: everything except the request id, the date, and the mark of a replay. */
function essence({ status, headers, text }: Answer): object {
  const others = ["x-request-id", "date", "idempotent-replayed", "connection", "keep-alive"];
  return { status, text, headers: [...headers].filter(([name]) => !others.includes(name)) };
}

const { goalsOf, posts } = postsOf(call);

describe("every POST takes effect once under its key", () => {
  test.each(Object.keys(posts))(
    "%s: the second response is the first one, byte for byte, and is marked as a replay",
    async (name) => {
      const { path, body, grows, count } = (await posts[name]?.()) ?? expect.fail();
      const before = await count();
      const parts = { body, headers: keyed(newKey()) };
      const first = await call("POST", path, parts);
      expect([200, 201]).toContain(first.status);
      expect(isReplay(first)).toBe(false);
      for (const again of [await call("POST", path, parts), await call("POST", path.replace(/\/$/, ""), parts)]) {
        expect(isReplay(again)).toBe(true);
        expect(essence(again)).toEqual(essence(first));
      }
      expect(await count()).toBe(before + grows);
    },
  );

  test.each(Object.keys(posts))("%s: 20 concurrent ones take effect once", async (name) => {
    const { path, body, grows, count } = (await posts[name]?.()) ?? expect.fail();
    const before = await count();
    const parts = { body, headers: keyed(newKey()) };
    const answers = await Promise.all(times(20, () => call("POST", path, parts)));
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(new Set(answers.map((answer) => JSON.stringify(essence(answer)))).size).toBe(1);
    expect(answers[0]?.status).toBeLessThan(300);
    expect(await count()).toBe(before + grows);
  });

  test("two concurrent ones, 50 times", async () => {
    const { id } = await createUser(call);
    for (let round = 0; round < 50; round++) {
      const parts = { body: { user_id: id, title: `${round}` }, headers: keyed(newKey()) };
      const [one, two] = await Promise.all([
        call("POST", "/api/v1/goals/", parts),
        call("POST", "/api/v1/goals/", parts),
      ]);
      expect(essence(one)).toEqual(essence(two));
      expect([isReplay(one), isReplay(two)].sort()).toEqual([false, true]);
    }
    expect(await goalsOf(id)).toBe(50);
  });

  test("a replay returns the recorded response, whatever happened to the row since", async () => {
    const { path, body } = (await posts["createGoal"]?.()) ?? expect.fail();
    const parts = { body, headers: keyed(newKey()) };
    const first = await call<GoalRow>("POST", path, parts);
    const location = first.headers.get("location") ?? "";
    expect(location).toBe(`/api/v1/goals/${first.body.id}`);
    await call("PATCH", location, { body: { title: "Other" } });
    expect(essence(await call("POST", path, parts))).toEqual(essence(first));
    expectStatus(await call("DELETE", location), 204);
    expect(essence(await call("POST", path, parts))).toEqual(essence(first));
    expectProblem(await call("GET", location), 404);
  });

  test("without a key nothing is recorded, and a request sent twice takes effect twice", async () => {
    const { path, body, count } = (await posts["createGoal"]?.()) ?? expect.fail();
    const recorded = async () => Number((await sql`select count(*)::int as n from idempotency_keys`)[0]?.["n"]);
    const before = await recorded();
    for (const answer of [await call("POST", path, { body }), await call("POST", path, { body })]) {
      expect([expectStatus(answer, 201) !== undefined, isReplay(answer)]).toEqual([true, false]);
    }
    expect([await count(), await recorded()]).toEqual([2, before]);
  });
});

describe("what counts as the same key", () => {
  test("another body, path or spelling of the body with the same key is 422, and nothing is written", async () => {
    const { id, user_id } = await createOwner(call);
    const body = { user_id, title: "t" };
    const headers = keyed(newKey());
    expectStatus(await call("POST", "/api/v1/goals/", { body, headers }), 201);
    const others: [path: string, body: unknown][] = [
      ["/api/v1/goals/", { ...body, title: "u" }],
      ["/api/v1/goals/", JSON.stringify(body, null, 1)],
      ["/api/v1/goals/", { title: "t", user_id }],
      ["/api/v1/tasks/", { ...body, goal_id: id }],
      ["/api/v1/goals/with-structure", { goal: body, milestones: [] }],
    ];
    for (const [path, other] of others) {
      const problem = expectProblem(await call("POST", path, { body: other, headers }), 422);
      expect(problem).toMatchObject({
        code: "idempotency_key_reused",
        title: "Idempotency key reused",
        detail: new IdempotencyKeyReusedError().message,
      });
    }
    expect(await goalsOf(user_id)).toBe(2);
    expect((await call("GET", `/api/v1/tasks/?user_id=${user_id}`)).body).toMatchObject({ total: 0 });
  });

  test("the same key of another caller is a different key", async () => {
    const { path, body, count } = (await posts["createGoal"]?.()) ?? expect.fail();
    const key = newKey();
    const bodies = await Promise.all(
      Object.values(KEYS).map(async (serviceKey) => {
        const headers = keyed(key, { "X-Flux-Service-Key": serviceKey });
        const answers = [await call("POST", path, { body, headers }), await call("POST", path, { body, headers })];
        expect(answers.map(isReplay)).toEqual([false, true]);
        return answers[1]?.text;
      }),
    );
    expect(new Set(bodies).size).toBe(3);
    expect(await count()).toBe(3);
  });

  test("a key is the same with or without quotes", async () => {
    for (const [bare, quoted] of [
      ["invoice-2026-02", '"invoice-2026-02"'],
      ['a"b\\c', '"a\\"b\\\\c"'],
      ["~".repeat(255), `"${"~".repeat(255)}"`],
      ["!", '"!"'],
    ]) {
      const { path, body } = (await posts["createGoal"]?.()) ?? expect.fail();
      const first = await call("POST", path, { body, headers: keyed(String(bare)) });
      expect(isReplay(first)).toBe(false);
      const again = await call("POST", path, { body, headers: keyed(String(quoted)) });
      expect([isReplay(again), again.text]).toEqual([true, first.text]);
    }
  });

  test("an invalid key is 400 and names the header, and nothing is written", async () => {
    const { path, body, count } = (await posts["createGoal"]?.()) ?? expect.fail();
    const malformed = ["", '""', "a b", "a\tb", "é", "x".repeat(256), `"${"x".repeat(256)}"`, '"a', '"a"b"', '"a\\b"'];
    // Two headers are combined to one value with a comma.
    malformed.push("one, two", '"one", "two"', '"a";b=1', '"a b"');
    for (const key of malformed)
      expectInvalid(await call("POST", path, { body, headers: keyed(key) }), "Idempotency-Key");
    expect(await count()).toBe(0);
  });

  test("other methods ignore it: they are idempotent anyway", async () => {
    const { id } = await createUser(call);
    const path = `/api/v1/users/${id}`;
    const headers = keyed(newKey());
    for (const name of ["one", "two"]) {
      expect((await call("PATCH", path, { body: { name }, headers })).body).toMatchObject({ name });
    }
    expectStatus(await call("PUT", `/api/v1/demo-flags/${id}`, { body: {}, headers: keyed("not a key") }), 200);
    expectStatus(await call("GET", path, { headers }), 200);
    expectStatus(await call("DELETE", path, { headers }), 204);
    expect(await sql`select 1 from idempotency_keys where key = ${headers["Idempotency-Key"]}`).toHaveLength(0);
  });

  test("it reveals neither a service key nor another caller's response", async () => {
    const { path, body } = (await posts["createGoal"]?.()) ?? expect.fail();
    const headers = keyed(newKey());
    expectStatus(await call("POST", path, { body, headers }), 201);
    expectProblem(await call("POST", path, { body, headers: { ...headers, "X-Flux-Service-Key": "wrong" } }), 403);
    const [row] = await sql`select scope from idempotency_keys where key = ${headers["Idempotency-Key"]}`;
    expect(row).toEqual({ scope: "goal-planner" });
  });
});

describe("a failure leaves the key unused", () => {
  test("a rejected request may be sent again under its key, corrected or unchanged", async () => {
    const { id } = await createUser(call);
    const headers = keyed(newKey());
    const post = (body: unknown, more = {}) =>
      call("POST", "/api/v1/goals/", { body, headers: { ...headers, ...more } });
    expectInvalid(await post({ user_id: id, title: "" }), "title");
    expectProblem(await post("{"), 400);
    expectProblem(await post({ user_id: unknownId(), title: "t" }), 422);
    expectProblem(await post("x", { "Content-Type": "text/plain" }), 415);
    expectProblem(await post(" ".repeat(1_048_577)), 413);
    const done = await post({ user_id: id, title: "t" });
    expect([expectStatus(done, 201) !== undefined, isReplay(done)]).toEqual([true, false]);
    expect(await goalsOf(id)).toBe(1);
  });

  test("a conflict is not recorded: once the other row is deleted, the same request succeeds", async () => {
    const user = await createUser(call);
    const parts = { body: { name: "a", email: user.email }, headers: keyed(newKey()) };
    for (let round = 0; round < 2; round++) expectProblem(await call("POST", "/api/v1/users/", parts), 409);
    await call("DELETE", `/api/v1/users/${user.id}`);
    expectStatus(await call("POST", "/api/v1/users/", parts), 201);
  });
});

describe("keys expire after 24 hours", () => {
  const age = (key: string, interval: string) =>
    sql`update idempotency_keys set created_at = now() - ${interval}::interval where key = ${key}`;

  test("a key is remembered for 24 hours, and may then be reused, also for another request", async () => {
    const { path, body, count } = (await posts["createGoal"]?.()) ?? expect.fail();
    const key = newKey();
    const post = (fields: object = {}) =>
      call("POST", path, { body: { ...Object(body), ...fields }, headers: keyed(key) });
    const first = await post();
    await age(key, "23 hours 59 minutes");
    expect(isReplay(await post())).toBe(true);
    await age(key, "24 hours 1 second");
    const second = await post({ title: "Other" });
    expect([isReplay(second), second.status, second.text === first.text]).toEqual([false, 201, false]);
    expect(isReplay(await post({ title: "Other" }))).toBe(true);
    expect(await count()).toBe(2);
  });

  test("of 20 concurrent requests with an expired key one takes effect", async () => {
    const { path, body, count } = (await posts["createGoal"]?.()) ?? expect.fail();
    const parts = { body, headers: keyed(newKey()) };
    await call("POST", path, parts);
    await age(parts.headers["Idempotency-Key"], "25 hours");
    const answers = await Promise.all(times(20, () => call("POST", path, parts)));
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await count()).toBe(2);
  });
});

describe("through the client, and without a database", () => {
  test("the client's idempotencyKey makes a call safe to repeat", async () => {
    const { goals, conversations } = createDaoClient({ baseUrl: server.baseUrl, serviceKey: KEYS.scheduler });
    const { id, user_id } = await createOwner(call);
    const options = { idempotencyKey: newKey() };
    const create = (title: string) => goals.createGoal({ userId: user_id, title }, options);
    const goal = await create("t");
    expect(await create("t")).toEqual(goal);
    await expect(create("u")).rejects.toThrow(new IdempotencyKeyReusedError());
    await expect(create("u")).rejects.toBeInstanceOf(IdempotencyKeyReusedError);
    const { id: conversation } = await createConversation(call, { id, user_id });
    const append = { idempotencyKey: 'with "quotes" and \\'.replaceAll(" ", "_") };
    for (let round = 0; round < 2; round++) {
      expect(await conversations.appendMessages(conversation, { messages: [1] }, append)).toEqual({ messageCount: 1 });
    }
    const structure = { goal: { userId: user_id, title: "s" }, milestones: [{ weekNumber: 1, title: "m", tasks: [] }] };
    const once = { idempotencyKey: newKey() };
    const whole = await goals.createGoalWithStructure(structure, once);
    expect(await goals.createGoalWithStructure(structure, once)).toEqual(whole);
  });

  test("an app on services that the application supplies rejects a key, and explains why", async () => {
    const client = createDaoClient({ baseUrl: server.baseUrl, serviceKey: KEYS.scheduler });
    const app = createDaoApp({ services: client, keys: [{ name: "a", key: "k" }] });
    const headers = { "X-Flux-Service-Key": "k", "Content-Type": "application/json", "Idempotency-Key": newKey() };
    const email = uniqueEmail();
    const request = { method: "POST", headers, body: JSON.stringify({ name: "a", email }) };
    const response = await app.fetch(new Request("http://host/api/v1/users/", request));
    expect(response.status).toBe(400);
    const [issue] = ((await response.json()) as { errors: { path: string; message: string }[] }).errors;
    expect(issue).toEqual({ path: "Idempotency-Key", message: expect.stringContaining("without a database") });
    expect((await client.users.listUsers({ email })).total).toBe(0);
  });
});

test("a caller's keys remain valid when the list of service keys changes", async () => {
  const send = async (setting: string, serviceKey: string, body: object, idempotencyKey: string) => {
    const { keys } = readSettings({ SERVICE_API_KEYS: setting });
    const app = createDaoApp({ services: server.database, keys, logger: createLogger({ level: "silent" }) });
    const response = await app.fetch(
      new Request("http://localhost/api/v1/users/", {
        method: "POST",
        body: JSON.stringify(body),
        headers: {
          "X-Flux-Service-Key": serviceKey,
          "Idempotency-Key": idempotencyKey,
          "Content-Type": "application/json",
        },
      }),
    );
    return {
      status: response.status,
      isReplay: response.headers.has("idempotent-replayed"),
      user: await response.json(),
    };
  };
  const [leaked, kept, added] = ["leaked-key-of-one", "kept-key-of-another", "added-key-of-a-third"];
  const key = newKey();
  const mine = { name: "Mine", email: uniqueEmail() };
  const { user } = await send(`${leaked},${kept}`, kept, mine, key);
  for (const list of [kept, `${added},${kept}`, `${added},${leaked},${kept}`]) {
    expect(await send(list, kept, mine, key)).toMatchObject({ status: 201, isReplay: true, user });
  }
  // At the index of the other key.
  const theirs = { name: "Theirs", email: uniqueEmail() };
  expect(await send(`${kept},${added}`, added, theirs, key)).toMatchObject({
    status: 201,
    isReplay: false,
    user: theirs,
  });
});
