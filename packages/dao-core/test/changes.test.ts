import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  type ChangeDto,
  createDaoServices,
  type DaoServices,
  DaoUnitOfWork,
  type Database,
  joinHost,
  joinPgClient,
  openDatabase,
  type SqlDriver,
  type SqlTransaction,
} from "@flux/dao-core";
import {
  createTestDatabase,
  makeGoalData,
  makeTaskData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { FEED_VERSION, feedObjects } from "../src/migrations/change-feed-objects.ts";
import { SchemaName } from "../src/schema/schema-name.ts";
import { CHANGES_PATIENCE } from "../src/session/limits.ts";
import { postgresLocation } from "./postgres-location.ts";
import { connect, withRole, withScratchDatabase } from "./scratch-database.ts";

let testDatabase: TestDatabase;
let database: Database;
let services: DaoServices;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
  database = testDatabase.database;
  services = createDaoServices(database);
});
afterAll(() => testDatabase.drop());
afterEach(() => vi.restoreAllMocks());

/** As if longer than the patience with outages and locks had passed. */
function waitLonger(times = 1): void {
  vi.spyOn(performance, "now").mockImplementation(() => Date.now() - performance.timeOrigin + times * CHANGES_PATIENCE);
}

const end = async ({ changes }: DaoServices = services) => (await changes.listChanges({ cursor: "now" })).nextCursor;
const told = ({ entity, operation, id }: ChangeDto) => `${entity} ${operation} ${id}`;

async function owner({ users, goals }: DaoServices = services) {
  const user = await users.createUser(makeUserData());
  return { user, goal: await goals.createGoal(makeGoalData(user.id)) };
}

async function onServer<Result>(work: (sql: ReturnType<typeof connect>) => Promise<Result>, url = testDatabase.url) {
  const sql = connect(url);
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** A database of its own, for what others must not see. */
async function withDatabase(
  work: (own: TestDatabase & { readonly services: DaoServices }) => Promise<void>,
  options: Parameters<typeof createTestDatabase>[0] = {},
) {
  await using own = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true, ...options });
  await work({ ...own, services: createDaoServices(own.database) });
}

test("a poll for what is newer than the newest loses a slow transaction and an update; the feed tells both", async () => {
  const { user, goal } = await owner();
  const cursor = await end();
  const polled = new Set<string>();
  let newest = new Date(0);
  const poll = async () => {
    const { items } = await services.tasks.listTasks({ goalId: goal.id });
    for (const { id, createdAt } of items) if (createdAt > newest) polled.add(id);
    newest = new Date(Math.max(newest.getTime(), ...items.map(({ createdAt }) => createdAt.getTime())));
  };
  let commit = () => {};
  const held = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const slowId = crypto.randomUUID();
  let slow: Promise<void> | undefined;
  await new Promise<void>((resolve) => {
    slow = DaoUnitOfWork.run(database, async (uow) => {
      await uow.tasks.create(makeTaskData(user.id, goal.id), { id: slowId });
      resolve();
      await held;
    });
  });
  await delay(5);
  const quick = await services.tasks.createTask(makeTaskData(user.id, goal.id));
  await poll();
  const before = await services.changes.listChanges({ cursor, userId: user.id });
  expect(before.items.map(told)).toEqual([`task created ${quick.id}`]);
  await services.tasks.updateTask(quick.id, { state: "completed" });
  commit();
  await slow;
  await poll();
  expect([...polled]).toEqual([quick.id]);
  const after = await services.changes.listChanges({ cursor: before.nextCursor, userId: user.id });
  expect(after.items.map(told).sort()).toEqual([`task created ${slowId}`, `task updated ${quick.id}`].sort());
});

describe("other writers", () => {
  test("a role that may write to one table only is told of", async () => {
    const cursor = await end();
    await onServer(async (sql) => {
      await sql.unsafe("create role feed_writer; grant insert on users to feed_writer");
      try {
        await sql.unsafe(
          "set role feed_writer; insert into users (name, email) values ('Ada', 'ada@feed.example'); reset role",
        );
      } finally {
        await sql.unsafe("drop owned by feed_writer; drop role feed_writer");
      }
    });
    const { items } = await services.changes.listChanges({ cursor, entity: "user" });
    expect(items.map(({ operation }) => operation)).toEqual(["created"]);
  });

  test("COPY, INSERT … ON CONFLICT and statements of many rows are told row by row", async () => {
    const { user, goal } = await owner();
    const cursor = await end();
    await onServer(async (sql) => {
      await sql`insert into tasks (user_id, goal_id, title) select ${user.id}, ${goal.id}, 'Many' from generate_series(1, 3)`;
      await sql`update tasks set title = 'Other' where goal_id = ${goal.id}`;
      await sql`insert into demo_flags (user_id) values (${user.id}) on conflict (user_id) do update set escalation_speed = 2`;
      await sql`insert into demo_flags (user_id) values (${user.id}) on conflict (user_id) do update set escalation_speed = 2`;
    });
    const { items } = await services.changes.listChanges({ cursor, userId: user.id });
    expect(items.map(({ entity, operation }) => `${entity} ${operation}`)).toEqual([
      ...["created", "created", "created", "updated", "updated", "updated"].map((operation) => `task ${operation}`),
      "demo_flags created",
      "demo_flags updated",
    ]);
  });

  test("nobody but the triggers can write into the feed by their function", async () => {
    await onServer(async (sql) => {
      await sql.unsafe(
        "create role feed_forger; grant create, usage on schema public to feed_forger; set role feed_forger",
      );
      try {
        const forged = sql.unsafe(
          `create table forged (id uuid); create trigger t after insert on forged referencing new table as changed
           for each statement execute function flux_dao_record_changes('user', 'deleted')`,
        );
        await expect(forged).rejects.toMatchObject({ code: "42501" });
      } finally {
        await sql.unsafe("reset role; drop owned by feed_forger; drop role feed_forger");
      }
    });
  });

  test("rows that SQL moves to another user are told of to both", async () => {
    const [from, to] = [await owner(), await owner()];
    const task = await services.tasks.createTask(makeTaskData(from.user.id, from.goal.id));
    const milestone = await services.milestones.createMilestone({ goalId: from.goal.id, weekNumber: 1, title: "Base" });
    const conversation = await services.conversations.createConversation({ userId: from.user.id });
    await services.demoFlags.putDemoFlags(from.user.id, {});
    const cursor = await end();
    await onServer(async (sql) => {
      await sql`update tasks set user_id = ${to.user.id}, goal_id = ${to.goal.id} where id = ${task.id}`;
      await sql`update milestones set goal_id = ${to.goal.id} where id = ${milestone.id}`;
      await sql`update conversations set user_id = ${to.user.id} where id = ${conversation.id}`;
      await sql`update demo_flags set user_id = ${to.user.id} where user_id = ${from.user.id}`;
      await sql`update goals set user_id = ${to.user.id} where id = ${from.goal.id}`;
      // Not moved.
      await sql`update goals set user_id = user_id, title = 'Other' where id = ${to.goal.id}`;
    });
    const toldTo = async (userId: string) => (await services.changes.listChanges({ cursor, userId })).items.map(told);
    const moved = [
      ...[`task updated ${task.id}`, `milestone updated ${milestone.id}`, `conversation updated ${conversation.id}`],
    ];
    const goal = `goal updated ${from.goal.id}`;
    expect(await toldTo(from.user.id)).toEqual([...moved, `demo_flags deleted ${from.user.id}`, goal]);
    const others = [`demo_flags updated ${to.user.id}`, goal, `goal updated ${to.goal.id}`];
    expect(await toldTo(to.user.id)).toEqual([...moved, ...others]);
  });

  test("TRUNCATE is a resync, of every entity that it empties, for every user", () =>
    withDatabase(async (own) => {
      const { user } = await owner(own.services);
      const cursor = await end(own.services);
      await onServer((sql) => sql.unsafe("truncate goals cascade"), own.url);
      const { items } = await own.services.changes.listChanges({ cursor, userId: user.id });
      expect(items.map(({ id, userId }) => [id, userId])).toEqual(items.map(() => [null, null]));
      const entities = items.map(({ entity, operation }) => `${entity} ${operation}`).sort();
      expect(entities).toEqual(["conversation resync", "goal resync", "milestone resync", "task resync"]);
      expect((await own.services.changes.listChanges({ cursor, entity: "task" })).items).toHaveLength(1);
    }));
});

describe("migrations", () => {
  test("the feed is off until it is enabled, stays enabled, and enabling it again does nothing", () =>
    withDatabase(
      async (own) => {
        await expect(own.services.changes.listChanges()).rejects.toMatchObject({
          code: "changes_disabled",
          message: expect.stringMatching(/migrate --changes/),
        });
        const follower = own.services.changes.followChanges()[Symbol.asyncIterator]();
        await expect(follower.next()).rejects.toMatchObject({ code: "changes_disabled" });
        expect(await own.database.changes?.deleteExpired()).toBe(0);
        expect(await own.database.planMigrations()).toMatchObject({ sql: "", enablesChanges: false });
        const plan = await own.database.planMigrations({ changes: true });
        expect(plan).toMatchObject({ enablesChanges: true, repairs: [], applied: [] });
        await onServer((sql) => sql.unsafe(plan.sql), own.url);
        await owner(own.services);
        expect(await own.database.migrate({ changes: true })).toMatchObject({ changesEnabled: false, repaired: [] });
        expect(await own.database.migrate()).toMatchObject({ changesEnabled: false, repaired: [] });
        await own.database.checkReady();
        expect((await own.database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
        expect((await own.services.changes.listChanges()).items).toHaveLength(2);
      },
      { changes: false },
    ));

  test("many schemas each have their own", () =>
    withDatabase(
      async (own) => {
        const report = await own.database.migrate({ schemas: ["one", 'two "2"'], changes: true });
        expect(report.migrated.map(({ changesEnabled }) => changesEnabled)).toEqual([true, true]);
        const [one, two] = ["one", 'two "2"'].map((name) => createDaoServices(own.database.withSchema(name)));
        await one?.users.createUser(makeUserData());
        expect((await one?.changes.listChanges())?.items).toHaveLength(1);
        expect((await two?.changes.listChanges())?.items).toEqual([]);
        await expect(own.services.changes.listChanges()).rejects.toMatchObject({ code: "changes_disabled" });
      },
      { changes: false },
    ));

  test.each([
    ["drop trigger flux_dao_changes_delete on tasks", "the trigger flux_dao_changes_delete of tasks is missing", true],
    [
      "alter table goals disable trigger flux_dao_changes_insert",
      "the trigger flux_dao_changes_insert of goals is disabled",
      true,
    ],
    ["drop function flux_dao_prune_changes", "the function flux_dao_prune_changes is missing", false],
    [
      "create or replace function flux_dao_record_changes() returns trigger language plpgsql as 'begin return null; end'",
      "the function flux_dao_record_changes is not this release's",
      false,
    ],
  ])("%s is found, and repaired", (change, what, resyncs) =>
    withDatabase(async (own) => {
      const cursor = await end(own.services);
      await own.database.checkReady();
      await onServer((sql) => sql.unsafe(change), own.url);
      const fresh = await openDatabase(own.url);
      await expect(fresh.checkReady()).rejects.toMatchObject({
        code: "schema_version",
        message: expect.stringContaining(what),
      });
      await fresh.close();
      expect(JSON.stringify(await own.database.diagnose())).toContain(what);
      expect((await own.database.planMigrations()).repairs).toEqual([what]);
      expect((await own.database.migrate()).repaired).toEqual([what]);
      await own.database.checkReady();
      const { items } = await own.services.changes.listChanges({ cursor });
      expect(items.map(({ operation }) => operation)).toEqual(resyncs ? ["resync"] : []);
    }),
  );

  test("the triggers' function, open to every role after pg_restore --no-acl, is found, and closed", () =>
    withDatabase(async (own) => {
      await onServer((sql) => sql.unsafe("grant execute on function flux_dao_record_changes to public"), own.url);
      const fresh = await openDatabase(own.url);
      await fresh.checkReady();
      const what = "the function flux_dao_record_changes is open to every role";
      expect(JSON.stringify(await fresh.diagnose())).toContain(what);
      expect((await fresh.migrate()).repaired).toEqual([what]);
      expect((await fresh.migrate()).repaired).toEqual([]);
      await fresh.close();
    }));

  test("functions of a newer release, which serves beside this one, are left as they are", () =>
    withDatabase(async (own) => {
      const newer = `create or replace function flux_dao_prune_changes(retention double precision, most integer) returns integer
        language plpgsql as '-- feed ${FEED_VERSION + 1}\nbegin return 7; end'`;
      await onServer((sql) => sql.unsafe(newer), own.url);
      const fresh = await openDatabase(own.url);
      await fresh.checkReady();
      expect((await fresh.migrate({ changes: true })).repaired).toEqual([]);
      expect(await fresh.changes?.deleteExpired()).toBe(7);
      await fresh.close();
    }));

  test("looking for changes does not read those that are kept", () =>
    withDatabase(async (own) => {
      const { user, goal } = await owner(own.services);
      await own.services.tasks.createTasks(Array.from({ length: 3_000 }, () => makeTaskData(user.id, goal.id)));
      const [position = ""] = (await end(own.services)).split("-");
      const scanned = await onServer(async (sql) => {
        await sql`select * from flux_dao_read_changes(${position}::bigint, 0, null, null, 10, true)`;
        await sql`select pg_stat_force_next_flush()`;
        const [row] = await sql`select seq_tup_read from pg_stat_user_tables where relname = 'flux_dao_changes'`;
        return Number(row?.["seq_tup_read"]);
      }, own.url);
      expect(scanned).toBeLessThan(100);
    }));

  test("the version of the functions counts up with each change of them", () => {
    const texts = feedObjects(new SchemaName("public")).flatMap(({ kind, detail }) =>
      kind === "function" ? detail : [],
    );
    const digest = createHash("md5").update(texts.join()).digest("hex");
    expect([FEED_VERSION, digest]).toEqual([3, "dcd1daa2fc579946b7d1d6f4ad166810"]);
  });

  test("on Citus it is refused, and nothing is changed", () =>
    withScratchDatabase(async (scratch) => {
      const driver = scratch.driver();
      // Answers as a server with that extension.
      const withCitus = (transaction: SqlTransaction): SqlTransaction => ({
        execute: (text, ...rest) => transaction.execute(text.replace("'citus'", "'plpgsql'"), ...rest),
        savepoint: (work, options) => transaction.savepoint((nested) => work(withCitus(nested)), options),
      });
      const citus: SqlDriver = {
        description: driver.description,
        isTransaction: false,
        execute: (...args) => driver.execute(...args),
        transaction: (work, options) => driver.transaction((transaction) => work(withCitus(transaction)), options),
        close: (timeout) => driver.close(timeout),
      };
      const refusal = { code: "validation_failed", message: expect.stringMatching(/Citus.*refuses triggers/) };
      await expect(joinHost(citus).migrate({ changes: true })).rejects.toMatchObject(refusal);
      expect(await scratch.sql`select from pg_tables where schemaname = 'public'`).toHaveLength(0);
      expect(await joinHost(citus).migrate()).toMatchObject({ changesEnabled: false });
    }));

  test("a role without privileges on the feed's tables is ready, and told what to grant", () =>
    withScratchDatabase((scratch) =>
      withRole(scratch, async (url, role) => {
        await using owner = await openDatabase(scratch.url);
        await owner.migrate({ changes: true });
        const tables = "users, goals, milestones, tasks, conversations, demo_flags, idempotency_keys";
        await scratch.sql.unsafe(
          `grant select on flux_dao_migrations to ${role}; grant select, insert, update, delete on ${tables} to ${role}`,
        );
        await using limited = await openDatabase(url);
        await limited.checkReady();
        await createDaoServices(limited).users.createUser(makeUserData());
        const finding = (await limited.diagnose()).find(({ name }) => name === "privileges");
        expect(finding).toMatchObject({ ok: false, message: expect.stringContaining("flux_dao_changes") });
        const list = createDaoServices(limited).changes.listChanges();
        await expect(list).rejects.toMatchObject({ code: "unavailable" });
        const feed = "flux_dao_change_feed, flux_dao_changes, flux_dao_new_changes";
        await scratch.sql.unsafe(`grant select, insert, update, delete on ${feed} to ${role}`);
        expect((await createDaoServices(limited).changes.listChanges()).items).toHaveLength(1);
      }),
    ));

  test("tables that were dropped and come back are a resync", () =>
    withDatabase(async (own) => {
      await owner(own.services);
      const cursor = await end(own.services);
      await onServer(
        (sql) => sql.unsafe("drop table users, goals, milestones, tasks, conversations, demo_flags, idempotency_keys"),
        own.url,
      );
      await own.database.migrate();
      const { items } = await own.services.changes.listChanges({ cursor });
      expect(new Set(items.map(({ entity, operation }) => `${entity} ${operation}`)).size).toBe(6);
      expect(items.every(({ operation }) => operation === "resync")).toBe(true);
    }));
});

describe("cursors that expire", () => {
  test("those of a database that was restored, or lost its last positions, whatever came in their place", () =>
    withDatabase(async (own) => {
      await owner(own.services);
      const kept = await end(own.services);
      await onServer(
        (sql) => sql.unsafe("create table f as table flux_dao_change_feed; create table c as table flux_dao_changes"),
        own.url,
      );
      await owner(own.services);
      const lost = await end(own.services);
      // As a restored backup has them.
      await onServer(
        (sql) =>
          sql.unsafe(`delete from flux_dao_change_feed; insert into flux_dao_change_feed table f;
            delete from flux_dao_changes; insert into flux_dao_changes table c`),
        own.url,
      );
      const expired = { code: "cursor_expired" };
      await expect(own.services.changes.listChanges({ cursor: lost })).rejects.toMatchObject(expired);
      await owner(own.services);
      await own.services.changes.listChanges();
      await expect(own.services.changes.listChanges({ cursor: lost })).rejects.toMatchObject(expired);
      expect((await own.services.changes.listChanges({ cursor: kept })).items).toHaveLength(2);
    }));

  test.each([
    ["all its tables", "truncate flux_dao_change_feed, flux_dao_changes, flux_dao_new_changes"],
    ["its head", "truncate flux_dao_change_feed"],
    ["what has a position", "truncate flux_dao_changes"],
  ])("those from before someone emptied %s, which goes on", (_, empty) =>
    withDatabase(async (own) => {
      const { changes } = own.services;
      await owner(own.services);
      const before = await end(own.services);
      await onServer((sql) => sql.unsafe(empty), own.url);
      const first = await end(own.services);
      const isKept = !empty.includes("flux_dao_changes");
      const again = await changes.listChanges({ cursor: before }).catch((error: unknown) => error);
      expect(again).toMatchObject(isKept ? { items: [] } : { code: "cursor_expired" });
      expect((await changes.listChanges()).items).toHaveLength(isKept ? 2 : 0);
      const { user } = await owner(own.services);
      const { items } = await changes.listChanges({ cursor: first });
      expect(items.map(told)[0]).toBe(`user created ${user.id}`);
      expect(items).toHaveLength(2);
      expect((await changes.listChanges()).items).toHaveLength(isKept ? 4 : 2);
    }),
  );

  test("those before what was pruned; the last one pruned still works, and so does start", () =>
    withDatabase(
      async (own) => {
        const first = await end(own.services);
        await owner(own.services);
        const last = await end(own.services);
        await owner(own.services);
        // What has no position yet gets one first.
        await onServer(
          (sql) => sql.unsafe("update flux_dao_changes set changed_at = changed_at - interval '2 minutes'"),
          own.url,
        );
        expect(await own.database.changes?.deleteExpired()).toBe(2);
        expect(await own.database.changes?.deleteExpired()).toBe(0);
        await expect(own.services.changes.listChanges({ cursor: first })).rejects.toMatchObject({
          code: "cursor_expired",
        });
        const { items } = await own.services.changes.listChanges({ cursor: last });
        expect(items).toHaveLength(2);
        expect((await own.services.changes.listChanges()).items).toEqual(items);
        await onServer((sql) => sql.unsafe("update flux_dao_changes set changed_at = 'epoch'"), own.url);
        expect(await own.database.changes?.deleteExpired()).toBe(2);
        expect((await own.services.changes.listChanges()).items).toEqual([]);
        expect(await end(own.services)).toBe(items.at(-1)?.cursor);
      },
      { changesRetention: 60_000 },
    ));

  test("many are pruned in batches, and those without a position get one first", () =>
    withDatabase(
      async (own) => {
        const insert =
          "insert into users (name, email) select 'Ada', n || '@many.example' from generate_series(1, 2500) n";
        await onServer((sql) => sql.unsafe(insert), own.url);
        await delay(5);
        expect(await own.database.changes?.deleteExpired()).toBe(2500);
        expect(await end(own.services)).toMatch(/^2500-/);
      },
      { changesRetention: 1 },
    ));

  test.each([0, 1.5, -1, Number.NaN])("a retention of %d is refused", async (changesRetention) => {
    const opened = openDatabase(testDatabase.url, { changesRetention, verify: false });
    await expect(opened).rejects.toMatchObject({ code: "validation_failed" });
  });
});

describe("followers", () => {
  test("hold no connection while they wait, share one query, and end when the database is closed", () =>
    withDatabase(async (own) => {
      const { user, goal } = await owner(own.services);
      let statements = 0;
      const driver = postgresDriver(postgresLocation(own.url), { poolSize: 1 });
      const one = joinHost({
        description: driver.description,
        isTransaction: false,
        execute(...args) {
          statements++;
          return driver.execute(...args);
        },
        transaction: (...args) => driver.transaction(...args),
        close: (timeout) => driver.close(timeout),
      });
      const { changes, tasks } = createDaoServices(one);
      const seen: string[][] = [];
      const followers = Array.from({ length: 50 }, async (_, index) => {
        const mine: string[] = [];
        seen.push(mine);
        for await (const { id } of changes.followChanges({
          cursor: "now",
          entity: index % 2 === 0 ? "task" : "user",
        })) {
          mine.push(String(id));
        }
      });
      await expect.poll(() => statements).toBeGreaterThan(60);
      statements = 0;
      await delay(1_000);
      expect(statements).toBeLessThan(60);
      const { id } = await tasks.createTask(makeTaskData(user.id, goal.id));
      await expect.poll(() => seen.flat().length).toBe(25);
      await one.close();
      await Promise.all(followers);
      await expect(changes.followChanges()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: "unavailable",
      });
      expect(new Set(seen.flat())).toEqual(new Set([id]));
    }));

  test("move their cursor though nothing matches, and catch up with more than a page", () =>
    withDatabase(async (own) => {
      const insert =
        "insert into users (name, email) select 'Ada', n || '@many.example' from generate_series(1, 2500) n";
      await onServer((sql) => sql.unsafe(insert), own.url);
      const cursors: string[] = [];
      const leave = new AbortController();
      const follow = async () => {
        const onCursor = (cursor: string) => {
          cursors.push(cursor);
          if (cursor.startsWith("2501-")) leave.abort("done");
        };
        const request = { entity: "goal", cursor: "start" } as const;
        for await (const _ of own.services.changes.followChanges(request, { signal: leave.signal, onCursor }));
      };
      const following = follow();
      await expect.poll(() => cursors.at(-1)).toMatch(/^2500-/);
      await own.services.users.createUser(makeUserData());
      await expect(following).rejects.toBe("done");
      let count = 0;
      for await (const _ of own.services.changes.followChanges({ cursor: "start" })) if (++count === 2501) break;
      expect(count).toBe(2501);
    }));

  test("go on, all of them, when connections are lost or a default isolation has aborted them; a write is told once", () =>
    withDatabase(async (own) => {
      const driver = postgresDriver(postgresLocation(own.url), { poolSize: 2 });
      const failures: Error[] = [];
      const unsteady = joinHost({
        description: driver.description,
        isTransaction: false,
        async execute(...args) {
          const failure = failures.pop();
          if (failure !== undefined) throw failure;
          return driver.execute(...args);
        },
        transaction: (...args) => driver.transaction(...args),
        close: (timeout) => driver.close(timeout),
      });
      const { changes } = createDaoServices(unsteady);
      const told: string[][] = [];
      const followers = Array.from({ length: 20 }, async () => {
        const mine: string[] = [];
        told.push(mine);
        for await (const { id } of changes.followChanges({ cursor: "start" })) mine.push(String(id));
      });
      const ids: string[] = [];
      for (let round = 0; round < 3; round++) {
        // The first query of those who wait, or the own ones of followers.
        const codes = ["ECONNRESET", "57P01", "40001", "ECONNREFUSED"].slice(round);
        failures.push(...codes.map((code) => Object.assign(new Error("lost"), { code })));
        await expect.poll(() => failures.length).toBe(0);
        ids.push((await own.services.users.createUser(makeUserData())).id);
        await expect.poll(() => told).toEqual(Array(20).fill(ids));
      }
      await unsteady.close();
      await Promise.all(followers);
    }));

  test("reject when the server cannot be reached, and go on from their last cursor", () =>
    withDatabase(async (own) => {
      const cursor = await end(own.services);
      const follower = own.services.changes.followChanges({ cursor })[Symbol.asyncIterator]();
      // Expected from now on: it rejects while the statements below are still awaited.
      const refused = expect(follower.next()).rejects.toMatchObject({ code: "unavailable" });
      await onServer(
        (sql) =>
          sql.unsafe(`alter database ${new URL(own.url).pathname.slice(1)} allow_connections false;
            select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(own.url).pathname.slice(1)}'`),
        inject("adminUrl"),
      );
      waitLonger();
      await refused;
      await onServer(
        (sql) => sql.unsafe(`alter database ${new URL(own.url).pathname.slice(1)} allow_connections true`),
        inject("adminUrl"),
      );
      const again = own.services.changes.followChanges({ cursor })[Symbol.asyncIterator]();
      const user = await own.services.users.createUser(makeUserData());
      expect((await again.next()).value).toMatchObject({ id: user.id });
    }));
});

describe("a head that another transaction keeps locked", () => {
  const holders = {
    "an open SELECT … FOR UPDATE": "begin; select from flux_dao_change_feed for update",
    "an open transaction that has read": "begin; select * from flux_dao_read_changes(null, null, null, null, 10, true)",
  };
  test.each(Object.entries(holders))("%s is an error that names its session, and a finding of doctor", (_, hold) =>
    withDatabase(async (own) => {
      const { changes, users } = own.services;
      const cursor = await end(own.services);
      const first = await users.createUser(makeUserData());
      const holder = connect(own.url);
      await holder.unsafe(hold);
      const [{ pid } = { pid: 0 }] = await holder`select pg_backend_pid() as pid`;
      const second = await users.createUser(makeUserData());
      // It may be another reader, which is done in a moment.
      expect(await changes.listChanges({ cursor })).toMatchObject({ items: [], hasNext: false });
      const follower = changes.followChanges({ cursor })[Symbol.asyncIterator]();
      const refused = expect(follower.next()).rejects.toMatchObject({ code: "unavailable" });
      waitLonger();
      const stuck = { code: "unavailable", message: expect.stringContaining(`the session with the process id ${pid}`) };
      await expect(changes.listChanges({ cursor })).rejects.toMatchObject(stuck);
      await refused;
      const finding = async () => (await own.database.diagnose()).find(({ name }) => name === "changes");
      await expect.poll(finding).toMatchObject({ ok: false, message: expect.stringContaining(`${pid}`) });
      await holder.unsafe("rollback");
      await holder.end({ timeout: 0 });
      const { items } = await changes.listChanges({ cursor });
      expect(items.map(({ id }) => id)).toEqual([first.id, second.id]);
      expect(await finding()).toMatchObject({ ok: true });
    }),
  );

  test("is a finding also for a role that cannot see when its transaction began", () =>
    withScratchDatabase((scratch) =>
      withRole(scratch, async (url, role) => {
        await using owner = await openDatabase(scratch.url);
        await owner.migrate({ changes: true });
        await scratch.sql.unsafe(`grant all on all tables in schema public to ${role}`);
        await using limited = await openDatabase(url);
        const finding = async () => (await limited.diagnose()).find(({ name }) => name === "changes");
        expect(await finding()).toMatchObject({ ok: true });
        await onServer(async (holder) => {
          await holder.unsafe("begin; select from flux_dao_change_feed for update");
          expect(await finding()).toMatchObject({ ok: false });
        }, scratch.url);
      }),
    ));

  test("makes cursor=now wait, since what is committed by then comes before it", () =>
    withDatabase(async (own) => {
      await onServer(async (holder) => {
        await holder.unsafe("begin; select from flux_dao_change_feed for update");
        let reads = 0;
        const onStatement = ({ text }: { text: string }) => {
          if (text.includes("read_changes")) reads++;
        };
        await using database = await openDatabase(own.url, { onStatement });
        await own.services.users.createUser(makeUserData());
        const { changes } = createDaoServices(database);
        const now = changes.listChanges({ cursor: "now" });
        const timed = changes.listChanges({ cursor: "now" }, { timeout: 300 });
        await expect(timed).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("300 ms") });
        await vi.waitFor(() => expect(reads).toBeGreaterThanOrEqual(2));
        await holder.unsafe("rollback");
        const { nextCursor } = await now;
        expect((await changes.listChanges({ cursor: nextCursor })).items).toEqual([]);
      }, own.url);
    }));

  test("by one after another is none", () =>
    withDatabase(async (own) => {
      const cursor = await end(own.services);
      await own.services.users.createUser(makeUserData());
      for (let time = 0; time < 3; time++) {
        await onServer(async (holder) => {
          await holder.unsafe("begin; select from flux_dao_change_feed for update");
          expect((await own.services.changes.listChanges({ cursor })).items).toEqual([]);
          waitLonger(1 + time);
        }, own.url);
        await expect
          .poll(() => onServer((sql) => sql`select from pg_stat_activity where backend_xid is not null`))
          .toEqual([]);
      }
      expect((await own.services.changes.listChanges({ cursor })).items).toHaveLength(1);
    }));
});

test("a readOnly database reads what has a position, gives none, and waits for positions that it lacks", () =>
  withDatabase(async (own) => {
    await owner(own.services);
    const cursor = await end(own.services);
    await owner(own.services);
    const reader = await openDatabase(own.url, { readOnly: true });
    const { changes } = createDaoServices(reader);
    expect((await changes.listChanges()).items).toHaveLength(2);
    expect(await changes.listChanges({ cursor })).toMatchObject({ items: [], hasNext: false, nextCursor: cursor });
    const { items } = await own.services.changes.listChanges({ cursor });
    expect(await changes.listChanges({ cursor })).toMatchObject({ items });
    const [position = ""] = cursor.split("-");
    const ahead = `${Number(position) + 100}-1`;
    expect(await changes.listChanges({ cursor: ahead })).toEqual({ items: [], hasNext: false, nextCursor: ahead });
    await expect(changes.listChanges({ cursor: `${position}-1` })).rejects.toMatchObject({ code: "cursor_expired" });
    await reader.close();
  }));

test("followers of a standby that are ahead of it do not make the others read without a pause", () =>
  withDatabase(async (own) => {
    const cursor = await end(own.services);
    const [position] = cursor.split("-");
    let statements = 0;
    const reader = await openDatabase(own.url, { readOnly: true, onStatement: () => statements++ });
    const { changes } = createDaoServices(reader);
    const followed = ["20-1", cursor, "30-1", cursor].map((from) =>
      changes
        .followChanges({ cursor: from === cursor ? from : `${position}${from}` })
        [Symbol.asyncIterator]()
        .next(),
    );
    await vi.waitFor(() => expect(statements).toBeGreaterThanOrEqual(4));
    await delay(500);
    expect(statements).toBeLessThan(20);
    const { user } = await owner(own.services);
    await own.services.changes.listChanges();
    for (const next of [followed[1], followed[3]]) expect((await next)?.value).toMatchObject({ id: user.id });
    await reader.close();
    expect(await Promise.all([followed[0], followed[2]])).toEqual(Array(2).fill({ done: true, value: undefined }));
  }));

describe("within a transaction", () => {
  test("a unit of work, and a batch, have no changes", async () => {
    await DaoUnitOfWork.run(database, async (uow) => {
      const misused = { code: "unit_of_work_misused" };
      await expect(createDaoServices(uow).changes.listChanges()).rejects.toMatchObject(misused);
    });
    const batch = services.batch([["changes.listChanges"]] as never);
    await expect(batch).rejects.toMatchObject({ code: "validation_failed" });
  });

  test("neither has an application's open transaction", async () => {
    const client = new pg.Client({ connectionString: testDatabase.url });
    await client.connect();
    try {
      await client.query("begin");
      const joined = createDaoServices(joinPgClient(client));
      await expect(joined.changes.listChanges()).rejects.toMatchObject({ code: "unit_of_work_misused" });
    } finally {
      await client.end();
    }
  });
});
