import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { askUntil } from "../../../test/ask-until.ts";
import { amount } from "../../../test/depth.ts";
import { withNext } from "./migration-versions.ts";
import { findUndone, insertTasks, ONLINE_SET, STEP_NAMES } from "./online-migration.ts";
import { migrate } from "./public-schema.ts";
import { connect, type ScratchDatabase, withMigratedDatabase } from "./scratch-database.ts";

const USER = "00000000-0000-4000-8000-000000000001";
const GOAL = "00000000-0000-4000-8000-000000000002";

/**
 * Milliseconds that a write may wait; the server itself ends one that waits longer. The bar is 100, measured on an idle
 * machine. On a busy one every wait takes longer, so the short run allows more, and the transactions beside it hold
 * their locks for longer in the same proportion: who waits for one of them waits for too long in both.
 */
const MAX_WAIT = amount(1_000, 100);

interface Writes {
  readonly count: number;
  /** Those that waited for too long, or failed otherwise. */
  readonly failed: readonly string[];
  /** The slowest, in milliseconds; on a busy machine it is more than the wait. */
  readonly slowest: number;
}

/** Writes on four connections until `work` ends, beside a transaction that reads and one that writes, both for long. */
async function whileWriting<Result>(
  { url, sql }: ScratchDatabase,
  work: () => Promise<Result>,
): Promise<{ readonly writes: Writes; readonly result: Result }> {
  const ids = (await sql.unsafe<{ id: string }[]>("select id from tasks limit 1000")).map(({ id }) => id);
  const over = new AbortController();
  const failed: string[] = [];
  let [count, slowest] = [0, 0];
  const onConnection = async (turn: (own: ReturnType<typeof connect>, n: number) => Promise<unknown>) => {
    const own = connect(url);
    await own.unsafe(`set lock_timeout = '${MAX_WAIT}ms'`);
    for (let n = 0; !over.signal.aborted; n++) await turn(own, n).catch((error: unknown) => failed.push(String(error)));
    await own.end({ timeout: 0 });
  };
  const writers = [0, 1, 2, 3].map((writer) =>
    onConnection(async (own, n) => {
      const begun = performance.now();
      const id = ids[(4 * n + writer) % ids.length] ?? "";
      if (n % 2 === 0) await own.unsafe("update tasks set title = title || '.' where id = $1", [id]);
      else await own.unsafe("insert into tasks (user_id, goal_id, title) values ($1, $2, 'New')", [USER, GOAL]);
      count++;
      slowest = Math.max(slowest, performance.now() - begun);
      await delay(2);
    }),
  );
  const holding = (text: string, milliseconds: number) =>
    onConnection(async (own) => {
      await own.unsafe("begin");
      await own.unsafe(text);
      await delay(milliseconds);
      await own.unsafe("commit");
      await delay(milliseconds);
    });
  // A row that the writers leave alone.
  const others = [
    holding("select * from tasks limit 1", 3 * MAX_WAIT),
    holding(`update tasks set title = 'x' where id = '${USER}'`, 4 * MAX_WAIT),
  ];
  await sql.unsafe(`insert into tasks (id, user_id, goal_id, title) values ('${USER}', '${USER}', '${GOAL}', 'Held')`);
  try {
    return { result: await work(), writes: { count, failed, slowest } };
  } finally {
    over.abort();
    await Promise.all([...writers, ...others]);
  }
}

describe("while others write", { timeout: 600_000 }, () => {
  const TASKS = amount(20_000, 1_000_000);

  test(`no write waits longer than ${MAX_WAIT} ms for a migration of ${TASKS} tasks`, () =>
    withMigratedDatabase(async (database) => {
      await insertTasks(database.sql, TASKS);
      const { result, writes } = await whileWriting(database, () => migrate(database.driver(), {}, ONLINE_SET));
      expect(result.online).toEqual(STEP_NAMES);
      expect(await findUndone(database.sql)).toEqual([]);
      expect(writes.failed).toEqual([]);
      expect(writes.count).toBeGreaterThan(100);
      console.info(
        `${writes.count} writes while ${TASKS} tasks were migrated in ${result.durationMs} ms; the slowest took ${Math.round(writes.slowest)} ms.`,
      );
    }));

  test("a migration that waits for a long transaction lets them pass, and applies when that is over", () =>
    withMigratedDatabase(async (database) => {
      await insertTasks(database.sql, 100);
      const long = connect(database.url);
      await long.unsafe("begin");
      await long.unsafe("select * from tasks limit 1");
      const { result, writes } = await whileWriting(database, async () => {
        const migrating = migrate(database.driver(), {}, withNext(["alter table tasks add column note text"]));
        // It has tried several times by then, and one that waited in line would have held up the writes for too long.
        await delay(3 * MAX_WAIT);
        await long.end({ timeout: 0 });
        return await migrating;
      });
      expect(result.applied).toEqual(["next"]);
      expect(writes.failed).toEqual([]);
    }));

  test("a migration that waits for a VACUUM or an index that is built holds up nobody", () =>
    withMigratedDatabase(async (database) => {
      await insertTasks(database.sql, 100);
      const other = connect(database.url);
      await other.unsafe("begin; lock table tasks in share update exclusive mode");
      const { result, writes } = await whileWriting(database, async () => {
        const migrating = migrate(database.driver(), {}, { ...ONLINE_SET });
        const waiting = () =>
          database.sql`select from pg_locks where not granted and mode = 'ShareUpdateExclusiveLock'
            and database = (select oid from pg_database where datname = current_database())`;
        expect(await askUntil(waiting, ({ length }) => length > 0, { limit: 10_000, pause: 10 })).not.toEqual([]);
        await delay(3 * MAX_WAIT);
        await other.end({ timeout: 0 });
        return await migrating;
      });
      expect(result.applied).toEqual(["task_notes"]);
      expect(writes.failed).toEqual([]);
    }));

  test("a migration that cannot get a table in time changes nothing", () =>
    withMigratedDatabase(async (database) => {
      const long = connect(database.url);
      await long.unsafe("begin");
      await long.unsafe("select * from tasks limit 1");
      await expect(migrate(database.driver(), { lockTimeout: 200 }, ONLINE_SET)).rejects.toThrow(
        /failed at task_notes, and nothing was changed: a lock was not available in time/,
      );
      await long.end({ timeout: 0 });
    }));
});
