import { DaoUnitOfWork } from "@flux/dao-core";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { expectProblem, expectStatus, type Problem } from "./answer.ts";
import { createOwner, createTask, createUser, type GoalRow } from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer({ lockTimeout: 150, statementTimeout: 400 });
const { call } = server;

/** Makes every write of a milestone fail in the database, with the SQL in `raise`. */
const failMilestones = (raise: string) =>
  server.sql(`
    create or replace function fail() returns trigger language plpgsql as $$ begin ${raise}; return new; end $$;
    create or replace trigger fail before insert on milestones for each row execute function fail();`);

let goal: GoalRow;
beforeAll(async () => {
  goal = await createOwner(call);
});

const postMilestone = (headers: Record<string, string> = {}) => {
  const body = { goal_id: goal.id, week_number: 1, title: "canary-title" };
  return call("POST", "/api/v1/milestones/", { body, headers });
};

describe("Errors: 500 for anything unforeseen", () => {
  test("the cause is logged with the request id, and not returned to the caller", async () => {
    await failMilestones("raise exception 'canary-cause' using detail = 'canary-detail', hint = 'canary-hint'");
    const from = server.logLines().length;
    const answer = await postMilestone({ "X-Request-Id": "request-of-500" });
    const problem = expectProblem(answer, 500);
    expect(answer.text).not.toMatch(/canary|trigger|P0001|plpgsql/);
    // A caller can report the request id.
    expect(answer.headers.get("x-request-id")).toBe("request-of-500");
    expect(`${problem.detail} ${problem.instance}`).toMatch(/request/i);
    const lines = server.logLines().slice(from);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("request-of-500");
    expect(lines[0]).toContain("canary-cause");
    expect(lines[0]).not.toContain("canary-title");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ status: 500 });
  });

  test("the write leaves nothing behind; the next request gets a response", async () => {
    expect(expectStatus(await call("GET", `/api/v1/milestones/?goal_id=${goal.id}`), 200)).toMatchObject({ total: 0 });
    await createTask(call, goal);
  });
});

describe("Errors: 409 for a race that was lost in spite of retries", () => {
  test.each(["40001", "40P01"])("SQLSTATE %s on every attempt", async (state) => {
    await failMilestones(`raise exception 'canary' using errcode = '${state}'`);
    const answer = await postMilestone();
    expectProblem(answer, 409);
    expect(answer.text).not.toContain("canary");
  });

  test.each(["40001", "40P01"])("SQLSTATE %s once is retried, and the caller sees nothing of it", async (state) => {
    await server.sql("drop sequence if exists attempts; create sequence attempts");
    await failMilestones(`if nextval('attempts') = 1 then raise exception 'x' using errcode = '${state}'; end if`);
    expectStatus(await postMilestone(), 201);
  });
});

describe("Errors: 503 with Retry-After when the database times out or lacks resources", () => {
  test("a statement that runs longer than its time-out", async () => {
    await failMilestones("perform pg_sleep(20)");
    const start = performance.now();
    expectProblem(await postMilestone(), 503);
    expect(performance.now() - start).toBeLessThan(15_000);
  });

  test.each(["53100", "53200", "53300", "53400"])("SQLSTATE %s (class 53, insufficient resources)", async (state) => {
    await failMilestones(`raise exception 'canary' using errcode = '${state}'`);
    const answer = await postMilestone();
    expectProblem(answer, 503);
    expect(answer.text).not.toContain("canary");
  });

  describe("a lock that is not available within its time-out", () => {
    let holder: postgres.Sql;
    beforeAll(() => {
      holder = postgres(server.databaseUrl, { max: 1, onnotice: () => undefined });
    });
    afterAll(() => holder.end());

    test("is 503, and the same request succeeds once it is available", async () => {
      const user = await createUser(call);
      const change = () => call("PATCH", `/api/v1/users/${user.id}`, { body: { name: "Ada" } });
      await holder.begin(async (sql) => {
        await sql`select from users where id = ${user.id} for update`;
        expectProblem(await change(), 503);
        // Readers do not wait.
        expect(expectStatus(await call("GET", `/api/v1/users/${user.id}`), 200)).toStrictEqual(user);
      });
      expect(expectStatus(await change(), 200)).toStrictEqual({ ...user, name: "Ada" });
    });
  });
});

describe("Errors: constraints that only the database has", () => {
  test("a violated constraint that another writer added is a 400, or a 500 without its name", async () => {
    await server.sql("alter table goals add constraint canary_rule check (title <> 'canary')");
    const answer = await call("POST", "/api/v1/goals/", { body: { user_id: goal.user_id, title: "canary" } });
    expect([400, 500]).toContain(answer.status);
    await server.sql("alter table goals drop constraint canary_rule");
  });

  test("a user who is deleted between two requests of a caller is 422, not 500", async () => {
    const user = await createUser(call);
    expectStatus(await call("DELETE", `/api/v1/users/${user.id}`), 204);
    const { detail } = expectProblem(
      await call("POST", "/api/v1/goals/", { body: { user_id: user.id, title: "x" } }),
      422,
    );
    expect(detail).toContain(user.id);
  });
});

describe("Errors: 503 when the pool is exhausted", () => {
  const small = useRestServer({ poolSize: 1, acquireTimeout: 1_000, maxWaiting: 2 });

  test("a request that waits too long for a connection, or finds the queue full, is 503; later ones are served", async () => {
    const user = await createUser(small.call);
    const path = `/api/v1/users/${user.id}`;
    // A transaction of the host's has the only connection.
    await DaoUnitOfWork.run(small.database, async () => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => small.call<Problem>("GET", path)));
      for (const answer of answers) expectProblem(answer, 503);
      // Two waited, the others were rejected at once.
      expect(new Set(answers.map(({ body }) => body.detail)).size).toBe(2);
    });
    expect(expectStatus(await small.call("GET", path), 200)).toStrictEqual(user);
  });
});

test("the test server is a real PostgreSQL", async () => {
  const sql = postgres(inject("adminUrl"), { max: 1 });
  const [row] = await sql`select version()`;
  await sql.end();
  expect(String(row?.["version"])).toMatch(/^PostgreSQL 1\d/);
});
