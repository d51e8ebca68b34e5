import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { type Arena, openArena } from "./arena.ts";

const POOL_SIZE = 10;

let arena: Arena;
let acknowledged = 0;
beforeAll(async () => {
  arena = await openArena({ serverUrl: inject("adminUrl"), poolSize: POOL_SIZE, writeMs: 10 });
  // The first requests of a process allocate memory that later ones do not.
  acknowledged = (await arena.load("writes", { connections: 8, milliseconds: 500 })).statuses["201"] ?? 0;
});
afterAll(() => arena[Symbol.asyncDispose]());

/** The service's database connections. */
async function backends(): Promise<number> {
  const rows = await arena.sql`
    select from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
      and pid <> pg_backend_pid() and application_name = 'flux-dao'`;
  return rows.length;
}

/** More callers than are processed or queued, none of which is served for a while; then as many as the pool can serve. */
async function overload(): Promise<void> {
  const { loading } = await arena.sql.begin(async (sql) => {
    await sql`lock table milestones in access exclusive mode`;
    const load = arena.load("writes", { connections: 2_000, milliseconds: 2_500 });
    // The load begins when all its connections are open, which takes longer on a busy machine.
    await vi.waitFor(async () => {
      const locks = await sql`select from pg_locks where relation = 'milestones'::regclass and not granted
        and database = (select oid from pg_database where datname = current_database())`;
      expect(locks).toHaveLength(POOL_SIZE);
    }, 30_000);
    await delay(1_500);
    return { loading: load };
  });
  const health = await fetch(`http://127.0.0.1:${arena.port}/health`);
  expect(health.status).toBe(200);
  const result = await loading;
  expect(result.losses).toEqual({});
  expect(Object.keys(result.statuses).sort()).toEqual(["201", "503"]);
  expect(result.withoutRetryAfter).toBe(0);
  acknowledged += result.statuses["201"] ?? 0;
}

describe("more load than the pool can carry", () => {
  test("is queued or rejected with 503 and Retry-After, within bounds, and nothing is lost", async () => {
    await overload();
    const before = await arena.memory();
    await overload();
    const after = await arena.memory();
    // Twice the load leaves no more memory in use: rejected and queued requests leave nothing behind.
    expect(after.heapMb - before.heapMb).toBeLessThan(10);
    expect(await backends()).toBeLessThanOrEqual(POOL_SIZE);
    expect(await arena.rows()).toBe(acknowledged);
  });

  test("and afterwards requests are served as before", async () => {
    const result = await arena.load("writes", { connections: POOL_SIZE, milliseconds: 500 });
    expect(Object.keys(result.statuses)).toEqual(["201"]);
    expect(result.losses).toEqual({});
    expect((await fetch(`http://127.0.0.1:${arena.port}/ready`)).status).toBe(200);
    expect(await arena.rows()).toBe(acknowledged + (result.statuses["201"] ?? 0));
  });
});
