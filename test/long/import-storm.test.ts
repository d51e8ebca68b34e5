import { setImmediate as turn } from "node:timers/promises";
import { type Database, joinDrizzle, joinPgPool, openDatabase } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { drizzle } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { describe, expect, inject, test } from "vitest";
import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { PausedImports, PausedSource, TASKS_OF_A_SOURCE } from "../../packages/dao-core/test/paused-imports.ts";

const IMPORTS = 150;
const AT_ONCE = 25;

interface Joined {
  readonly database: Database;
  end?(): Promise<unknown>;
}

const databases: Readonly<Record<string, (url: string, poolSize: number) => Joined | Promise<Joined>>> = {
  "postgres.js": async (url, poolSize) => ({
    database: await openDatabase(url, { poolSize, acquireTimeout: 2_000 }),
  }),
  "a pg.Pool": (url, max) => {
    const pool = new pg.Pool({ connectionString: url, max }).on("error", () => undefined);
    return { database: joinPgPool(pool), end: () => pool.end() };
  },
  "Drizzle on postgres.js": (url, max) => {
    const client = postgres(url, { max, onnotice: () => undefined });
    return { database: joinDrizzle(drizzle(client)), end: () => client.end() };
  },
};

/** An import of few or many tasks that is interrupted at a random moment. */
async function runOne(imports: PausedImports, random: Random, others: postgres.Sql): Promise<unknown> {
  const source = new PausedSource(imports.task, random.chance(0.2) ? 2_000 : random.below(20));
  const abort = new AbortController();
  const timeout = random.chance(0.2) ? 1 + random.below(50) : undefined;
  const { done } = imports.begin({ signal: abort.signal, ...(timeout !== undefined && { timeout }) }, source);
  if (random.chance(0.5)) await Promise.race([source.reached, done.catch(() => undefined)]);
  for (let turns = random.below(20); turns > 0; turns--) await turn();
  const fate = random.below(4);
  if (fate === 0) abort.abort(new Error("Never mind."));
  else if (fate === 1) source.fail(new Error("The source broke."));
  else {
    if (fate === 2) await others.unsafe(KILL);
    source.finish();
  }
  return done;
}

const KILL = `select pg_terminate_backend(pid) from pg_stat_activity
  where xact_start is not null and backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()`;

const cases = Object.keys(databases).flatMap((driver) => [1, 2, 8].map((poolSize) => ({ driver, poolSize })));

describe("concurrent imports that are aborted, break, time out and lose their connections", () => {
  test.each(cases)(
    "release every import slot: $driver, a pool of $poolSize",
    async ({ driver, poolSize }) => {
      await using scratch = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
      const { database, end } = (await databases[driver]?.(scratch.url, poolSize)) ?? expect.fail();
      const others = postgres(scratch.url, { max: 1, onnotice: () => undefined });
      try {
        const imports = await PausedImports.on(database);
        const random = new Random(7 + poolSize);
        let left = IMPORTS;
        const outcomes = new Map<string, number>();
        const storm = async () => {
          while (left-- > 0) {
            const outcome = await runOne(imports, random, others).then(
              () => "done",
              (error: Error) => error.name,
            );
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, storm));
        // postgres.js may reject the first statement on a reopened connection with the error that ended the previous one.
        await Promise.allSettled(Array.from({ length: poolSize }, () => imports.written()));
        const limit = Math.max(1, Math.floor(poolSize / 4));
        const begun = imports.beginMany(limit + 1);
        await Promise.all(begun.slice(0, limit).map(({ source }) => source.reached));
        expect(begun.map(({ source }) => source.wasTouched)).toEqual(begun.map((_, index) => index < limit));
        for (const { source } of begun) source.finish();
        for (const { done } of begun) expect(await done).toEqual({ createdCount: TASKS_OF_A_SOURCE });
        expect(outcomes.get("done")).toBeGreaterThan(0);
      } finally {
        await database.close();
        await end?.();
        await others.end();
      }
    },
    120_000,
  );
});
