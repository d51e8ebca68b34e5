import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../scripts/postgres/embedded-postgres.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { within } from "../within.ts";
import { expectProblem, expectStatus } from "./answer.ts";
import { createGoal, createUser, type GoalRow, unknownId } from "./rows.ts";
import { type RestServer, startRestServer } from "./server.ts";

/** This file's own server, since it is stopped here and restarted on the same data. */
let postgres: EmbeddedPostgres;
let options: { readonly dataDirectory: string; readonly port: number };
let folder: string;
let testDatabase: TestDatabase;
let server: RestServer;
let goal: GoalRow;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "database-down-"));
  options = { dataDirectory: join(folder, "data"), port: await findFreePort() };
  postgres = await startEmbeddedPostgres(options);
  testDatabase = await createTestDatabase({ serverUrl: postgres.url });
  server = await startRestServer({ databaseUrl: testDatabase.url });
  goal = await createGoal(server.call, await createUser(server.call));
});

afterAll(async () => {
  await server.stop();
  await testDatabase.database.close(0);
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One of each kind of request that needs the database. */
function requests(): readonly [method: string, path: string, body?: object][] {
  const owner = { user_id: goal.user_id, title: "x" };
  const task = { ...owner, goal_id: goal.id };
  const range = `user_id=${goal.user_id}&start_time=2026-01-01T00:00:00Z&end_time=2026-02-01T00:00:00Z`;
  return [
    ["GET", "/api/v1/users/"],
    ["GET", `/api/v1/goals/${goal.id}`],
    ["GET", `/api/v1/goals/${goal.id}/full`],
    ["GET", `/api/v1/tasks/by-timerange?${range}`],
    ["GET", `/api/v1/tasks/statistics?${range.replaceAll("_time", "_date")}`],
    ["GET", `/api/v1/demo-flags/${goal.user_id}`],
    ["POST", "/api/v1/users/", { name: "x", email: `${unknownId()}@example.com` }],
    ["POST", "/api/v1/goals/with-structure", { goal: owner, milestones: [{ week_number: 1, title: "m" }] }],
    ["POST", "/api/v1/tasks/", task],
    ["POST", "/api/v1/tasks/bulk-update-state", { task_ids: [goal.id], new_state: "missed" }],
    ["PATCH", `/api/v1/goals/${goal.id}`, { title: "y" }],
    ["PUT", `/api/v1/demo-flags/${goal.user_id}`, {}],
    ["DELETE", `/api/v1/tasks/${unknownId()}`],
  ];
}

describe("Errors: 503 with Retry-After while the database is down", () => {
  test("requests succeed before", async () => {
    for (const [method, path, body] of requests()) {
      expect((await server.call(method, path, { body })).status, `${method} ${path}`).toBeLessThan(500);
    }
    expectStatus(await server.call("GET", "/ready"), 200);
  });

  test("every request that needs it returns 503, and none hangs", async () => {
    await postgres.stop();
    const start = performance.now();
    for (const [method, path, body] of requests()) {
      const answer = await server.call(method, path, { body });
      expectProblem(answer, 503);
      expect(Number(answer.headers.get("retry-after")), `${method} ${path}`).toBeGreaterThan(0);
    }
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test("100 concurrent ones do too", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => server.call("GET", `/api/v1/goals/${goal.id}`)),
    );
    for (const answer of answers) expectProblem(answer, 503);
  });

  test("/ready is 503 within 2 s, /health 200", async () => {
    const answer = await within(2_000, () => server.call("GET", "/ready"));
    expect(expectStatus(answer, 503)).toStrictEqual({ status: "not_ready", detail: expect.stringMatching(/\.$/) });
    expectStatus(await server.call("GET", "/health"), 200);
  });

  test("requests that need no database get their usual responses: 400, 403, 404, 405, 415", async () => {
    expectProblem(await server.call("GET", "/api/v1/users/1"), 400);
    expectProblem(await server.call("POST", "/api/v1/users/", { body: {} }), 400);
    expectProblem(await server.call("GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": "wrong" } }), 403);
    expectProblem(await server.call("GET", "/nothing"), 404);
    expectProblem(await server.call("PUT", "/api/v1/users/"), 405);
    expectProblem(
      await server.call("POST", "/api/v1/users/", { body: "x", headers: { "Content-Type": "text/plain" } }),
      415,
    );
    expectStatus(await server.call("GET", "/openapi.json"), 200);
  });

  test("requests succeed again, without a restart of the service, when the database is back", async () => {
    postgres = await startEmbeddedPostgres(options);
    await expect.poll(async () => (await server.call("GET", "/ready")).status, { timeout: 20_000 }).toBe(200);
    for (const [method, path, body] of requests()) {
      expect((await server.call(method, path, { body })).status, `${method} ${path}`).toBeLessThan(500);
    }
    expect(expectStatus(await server.call("GET", `/api/v1/goals/${goal.id}`), 200)).toMatchObject({ id: goal.id });
  });
});
