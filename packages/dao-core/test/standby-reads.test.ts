import {
  createDaoServices,
  DaoUnitOfWork,
  type Database,
  type DatabaseOptions,
  deleteExpiredIdempotencyKeys,
  joinHost,
  openDatabase,
  runOnce,
} from "@flux/dao-core";
import { createTestDatabase, makeTaskData, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../../../scripts/postgres/replicated-postgres.ts";
import { faultyNetwork } from "../../../test/faulty-network.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { postgresLocation } from "./postgres-location.ts";
import { connect } from "./scratch-database.ts";

let pair: ReplicatedPostgres;
let primary: TestDatabase;
let standbyUrl: string;
beforeAll(async () => {
  pair = await startReplicatedPostgres({
    standbySettings: { max_standby_streaming_delay: "100ms", extra_float_digits: "-15" },
  });
});
afterAll(() => pair?.[Symbol.asyncDispose]());

/** Opens the standby's copy of the database, once it is there. */
async function openReplica(options: DatabaseOptions = {}): Promise<Database> {
  const replica = await openDatabase(standbyUrl, { readOnly: true, verify: false, ...options });
  await expect.poll(() => replica.checkReady().then(() => "ready", String)).toBe("ready");
  return replica;
}

const onStandby = async (query: string) => {
  const sql = connect(standbyUrl);
  await sql.unsafe(query);
  await sql.end();
};

let replica: Database;
beforeEach(async () => {
  primary = await createTestDatabase({ serverUrl: pair.primary.url });
  const url = new URL(primary.url);
  url.port = new URL(pair.standby.url).port;
  standbyUrl = url.href;
  replica = await openReplica();
});
afterEach(async () => {
  await onStandby("select pg_wal_replay_resume()");
  await replica.close();
  await primary.drop();
});

async function collected<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

const misuse = {
  name: "UnitOfWorkMisuseError",
  message: expect.stringMatching(/opened with readOnly, so it takes no writes\. Write to .* the primary/),
};

describe("a database that is opened for reads", () => {
  test("refuses every write at once, and says where to write", async () => {
    const services = createDaoServices(replica);
    const id = crypto.randomUUID();
    const writes: Record<string, () => Promise<unknown>> = {
      create: () => services.users.createUser(makeUserData()),
      update: () => services.users.updateUser(id, { name: "x" }),
      conditional: () => services.users.updateUser(id, { name: "x" }, { ifVersion: "*" }),
      delete: () => services.users.deleteUser(id),
      bulk: () => services.tasks.bulkUpdateState({ taskIds: [id], newState: "drifted" }),
      import: () => services.tasks.createTasks([makeTaskData(id, id)]),
      "unit of work": () => DaoUnitOfWork.run(replica, ({ users }) => users.create(makeUserData())),
      lock: () => DaoUnitOfWork.run(replica, ({ users }) => users.lockById(id)),
      once: () => runOnce(replica, { key: "k" }, async () => null),
      cleanup: () => deleteExpiredIdempotencyKeys(replica),
      migrate: () => replica.migrate(),
      "migrate many": () => replica.migrate({ schemas: ["a"] }),
      tenant: () => createDaoServices(replica.withSchema("a")).users.createUser(makeUserData()),
    };
    for (const [name, write] of Object.entries(writes)) await expect(write(), name).rejects.toMatchObject(misuse);
  });

  test("refuses to be serializable, which a hot standby cannot be", async () => {
    const run = DaoUnitOfWork.run(replica, ({ users }) => users.list(), { isolationLevel: "serializable" });
    await expect(run).rejects.toMatchObject({
      code: "validation_failed",
      message: expect.stringContaining('use "repeatable read"'),
    });
    await DaoUnitOfWork.run(replica, ({ users }) => users.list(), { isolationLevel: "repeatable read" });
  });

  test("refuses them on a primary, too, and in a source that nobody reads then", async () => {
    await using reading = await openDatabase(primary.url, { readOnly: true });
    await reading.checkReady();
    let wasRead = false;
    function* source() {
      wasRead = true;
      yield makeTaskData(crypto.randomUUID(), crypto.randomUUID());
    }
    await expect(createDaoServices(reading).tasks.createTasks(source())).rejects.toMatchObject(misuse);
    expect(wasRead).toBe(false);
    expect(await reading.diagnose()).toContainEqual({
      name: "replication",
      ok: true,
      message: "The server is a primary; it is only read.",
    });
  });

  test("is ready and diagnosed with a role that may only read", async () => {
    const sql = connect(primary.url);
    const role = `reader_${crypto.randomUUID().replaceAll("-", "")}`;
    await sql.unsafe(`create role ${role} login password 'secret'; grant usage on schema public to ${role};
      grant select on all tables in schema public to ${role}`);
    const url = new URL(standbyUrl);
    url.username = role;
    url.password = "secret";
    try {
      await replica.waitForPosition(await primary.database.position());
      await using reading = await openDatabase(url.href, { readOnly: true });
      await reading.checkReady();
      expect((await reading.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
      await sql.unsafe(`revoke select on users from ${role}`);
      await replica.waitForPosition(await primary.database.position());
      expect((await reading.diagnose()).filter(({ ok }) => !ok)).toMatchObject([
        { name: "privileges", message: expect.stringContaining(`grant select on public.users to ${role};`) },
      ]);
    } finally {
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
      await sql.end();
    }
  });

  test("rejects a maxLag that is none, and a position that is none", async () => {
    for (const maxLag of [0, -1, 1.5, Number.NaN]) {
      await expect(openDatabase(standbyUrl, { readOnly: true, maxLag })).rejects.toMatchObject({
        issues: [{ path: "maxLag" }],
      });
    }
    for (const readAfter of ["", "0/16B3748", "latest", "0000000000000000 "]) {
      await expect(replica.users.list({}, { readAfter })).rejects.toMatchObject({ issues: [{ path: "readAfter" }] });
      await expect(primary.database.users.list({}, { readAfter })).rejects.toMatchObject({ name: "ValidationError" });
    }
  });
});

describe("a read after a position", () => {
  test("is refused where connections are spread over several servers: one could be asked, and another one read", async () => {
    const { port } = new URL(pair.primary.url);
    const both = standbyUrl.replace(/@[^/]+/, (host) => `${host},127.0.0.1:${port}`);
    await using spread = await openDatabase(`${both}?load_balance_hosts=random`, { readOnly: true });
    const readAfter = await primary.database.position();
    await expect(spread.users.list({}, { readAfter })).rejects.toMatchObject({
      issues: [{ path: "readAfter", message: expect.stringContaining("load_balance_hosts=random") }],
    });
    expect(await spread.users.list()).toMatchObject({ total: 0 });
  });

  describe("of two servers, one of which is behind,", () => {
    const findUser = (from: Database, id: string, readAfter: string) =>
      DaoUnitOfWork.run(from, ({ users }) => users.findById(id).then((user) => user !== null), {
        readAfter,
        timeout: 1_000,
      }).catch(({ code }: { code?: string }) => code);
    const both = (first: string, second: string, parameters = "") =>
      `${first.replace(/@[^/]+/, `@${new URL(first).host},${new URL(second).host}`)}${parameters}`;
    const write = async () => {
      await onStandby("select pg_wal_replay_pause()");
      const { id } = await primary.database.users.create(makeUserData());
      return { id, readAfter: await primary.database.position() };
    };

    test("never misses a write where new connections lead to that one", async () => {
      await using network = await faultyNetwork(primary.url);
      await using reading = await openDatabase(both(network.url, standbyUrl), { readOnly: true });
      const { id, readAfter } = await write();
      await reading.waitForPosition(readAfter);
      network.refuse();
      const units = await Promise.all(Array.from({ length: 12 }, () => findUser(reading, id, readAfter)));
      const reads = Array.from({ length: 12 }, () => reading.users.findById(id, { readAfter, timeout: 1_000 }));
      const outcomes = await Promise.allSettled(reads);
      expect(units).not.toContain(false);
      expect(outcomes).not.toContainEqual({ status: "fulfilled", value: null });
    });

    test("nor where the other one is lost while the read waits for a connection", async () => {
      await using network = await faultyNetwork(primary.url);
      await using reading = await openDatabase(both(network.url, standbyUrl), { readOnly: true, poolSize: 1 });
      const { id, readAfter } = await write();
      await reading.waitForPosition(readAfter);
      let begin = () => {};
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const holding = DaoUnitOfWork.run(reading, async () => {
        begin();
        await new Promise((resolve) => setTimeout(resolve, 50));
        await network.leave();
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
      await begun;
      const waiting = [
        reading.users.findById(id, { readAfter, timeout: 1_000 }).catch(({ code }: { code?: string }) => code),
        findUser(reading, id, readAfter),
      ];
      await expect(holding).rejects.toThrow("lost");
      expect(await Promise.all(waiting)).toEqual(["unavailable", "unavailable"]);
    });
  });

  test("sees every write before it, while replay is behind", async () => {
    const { users, goals, tasks } = createDaoServices(primary.database);
    const reading = createDaoServices(replica);
    await onStandby("select pg_wal_replay_pause()");
    const user = await users.createUser(makeUserData());
    const goal = await goals.createGoal({ userId: user.id, title: "t" });
    await tasks.createTasks(Array.from({ length: 600 }, () => makeTaskData(user.id, goal.id)));
    const readAfter = await primary.database.position();
    await expect(reading.users.getUser(user.id)).rejects.toMatchObject({ code: "not_found" });

    const streamed = collected(reading.tasks.streamTasks({ userId: user.id }, { readAfter }));
    const reads = Promise.all([
      reading.users.getUser(user.id, { readAfter }),
      reading.goals.getGoalFull(goal.id, { readAfter }),
      reading.tasks.listTasks({ userId: user.id }, { readAfter }),
      reading.batch([["goals.getGoal", goal.id]], { readAfter }),
      reading.batch([["goals.getGoal", goal.id], ["tasks.countTasks"]], { readAfter }),
      DaoUnitOfWork.run(replica, (uow) => uow.users.findById(user.id), { readAfter, readOnly: true }),
      replica.pieces.find("users", user.id, { readAfter }),
    ]);
    const isOver = await Promise.race([
      reads.then(() => true),
      new Promise((resolve) => setTimeout(resolve, 300, false)),
    ]);
    expect(isOver).toBe(false);
    await onStandby("select pg_wal_replay_resume()");
    const [found, full, list, [single], [first], inUnit, piece] = await reads;
    expect([single, first]).toEqual([goal, goal]);
    expect([found.id, full.id, list.total, inUnit?.id]).toEqual([user.id, goal.id, 600, user.id]);
    expect(piece).not.toBeNull();
    expect(await streamed).toHaveLength(600);
  });

  test("waits as long as its call may take, and no longer; a new position is asked for once by many, without a connection", async () => {
    let looks = 0;
    const driver = postgresDriver(postgresLocation(standbyUrl), { poolSize: 2 });
    const counting = joinHost(
      {
        description: driver.description,
        isTransaction: false,
        close: (timeout) => driver.close(timeout),
        transaction: (work, options) => driver.transaction(work, options),
        execute: (text, parameters, options) => {
          if (text.includes("pg_is_in_recovery")) looks++;
          return driver.execute(text, parameters, options);
        },
      },
      { readOnly: true },
    );
    await onStandby("select pg_wal_replay_pause()");
    const { id } = await primary.database.users.create(makeUserData());
    const readAfter = await primary.database.position();
    const read = (options: object) => counting.users.findById(id, { readAfter, ...options });

    const begun = performance.now();
    await expect(read({ timeout: 200 })).rejects.toMatchObject({
      name: "UnavailableError",
      message: expect.stringContaining("200 ms"),
    });
    await expect(read({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
    const departure = new AbortController();
    const departed = read({ requester: departure });
    departure.abort(new RangeError("gone"));
    await expect(departed).rejects.toThrow("gone");
    // Long before the 30 s that a read waits without a time-out.
    expect(performance.now() - begun).toBeLessThan(15_000);

    looks = 0;
    const many = Promise.all(Array.from({ length: 500 }, () => read({ timeout: 20_000 })));
    // None of them has a connection: others find one.
    await Promise.all(Array.from({ length: 20 }, () => counting.users.list()));
    const before = looks;
    await expect.poll(() => looks).toBeGreaterThan(before);
    expect(looks).toBeLessThan(100);
    await onStandby("select pg_wal_replay_resume()");
    for (const user of await many) expect(user?.id).toBe(id);
    await counting.close();
  });

  test("costs nothing once the position is known to be replayed, until a connection is lost", async () => {
    await using watched = await openReplica({ poolSize: 1, applicationName: "watched" });
    const sql = connect(standbyUrl);
    const { id } = await primary.database.users.create(makeUserData());
    const readAfter = await primary.database.position();
    await watched.users.findById(id, { readAfter });
    const looked = async () => {
      const [row] = await sql`select calls from (select count(*) as calls from pg_stat_activity
        where application_name = 'watched' and query like '%pg_is_in_recovery%') s`;
      return Number(row?.["calls"]);
    };
    await watched.users.findById(id, { readAfter });
    expect(await looked(), "the last statement of its only connection is the read").toBe(0);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'watched'`;
    await expect.poll(() => watched.users.findById(id, { readAfter }).then((user) => user?.id, String)).toBe(id);
    await sql.end();
  });

  test("is satisfied at once on a primary, and within a unit of work belongs to its options", async () => {
    const far = "FFFFFFFFFFFFFFFF";
    expect(await primary.database.users.list({}, { readAfter: far })).toMatchObject({ total: 0 });
    await expect(DaoUnitOfWork.run(replica, ({ users }) => users.list({}, { readAfter: far }))).rejects.toMatchObject({
      name: "UnitOfWorkMisuseError",
      message: expect.stringContaining("options of the unit"),
    });
  });

  test("an embedded database has positions too, and every one is reached", async () => {
    await using embedded = await createTestDatabase({ serverUrl: "" });
    const before = await embedded.database.position();
    await embedded.database.users.create(makeUserData());
    const after = await embedded.database.position();
    expect(after > before).toBe(true);
    expect(await embedded.database.users.list({}, { readAfter: after })).toMatchObject({ total: 1 });
  });
});

describe("the lag of a standby", () => {
  test("does not grow while its primary is idle, and does while replay is paused or the primary is gone", async () => {
    await using strict = await openReplica({ maxLag: 150 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await strict.checkReady();
    expect(strict.mayBeStale).toBe(false);
    expect(await strict.diagnose()).toContainEqual({
      name: "replication",
      ok: true,
      message: "The server is a hot standby that lags 0 ms.",
    });

    await onStandby("select pg_wal_replay_pause()");
    await primary.database.users.create(makeUserData());
    const lagging = {
      name: "UnavailableError",
      // Not rounded to a single digit.
      message: expect.stringMatching(
        /^The standby may lag [1-9]{2}\d* ms behind its primary, more than maxLag \(150 ms\)/,
      ),
    };
    await expect.poll(() => strict.checkReady().catch((error: unknown) => error)).toMatchObject(lagging);
    expect(strict.mayBeStale).toBe(true);
    await using late = await openDatabase(standbyUrl, { readOnly: true, verify: false, maxLag: 150 });
    await expect.poll(() => late.checkReady().catch((error: unknown) => error)).toMatchObject(lagging);
    expect((await strict.diagnose()).filter(({ ok }) => !ok)).toMatchObject([{ name: "replication" }]);
    await onStandby("select pg_wal_replay_resume()");
    await expect.poll(() => strict.checkReady().then(() => "ready", String)).toBe("ready");

    const sql = connect(standbyUrl);
    const [row] = await sql`show primary_conninfo`;
    await sql.unsafe("alter system set primary_conninfo = ''");
    await sql`select pg_reload_conf()`;
    await expect.poll(() => strict.checkReady().catch((error: unknown) => error)).toMatchObject(lagging);
    await sql.unsafe(`alter system set primary_conninfo = '${row?.["primary_conninfo"]}'`);
    await sql`select pg_reload_conf()`;
    await sql.end();
    await expect.poll(() => strict.checkReady().then(() => "ready", String)).toBe("ready");
  });
});

test("a read that replay cancels is run again; in a unit of work it is a RetryableError", async () => {
  const user = await primary.database.users.create(makeUserData());
  const sql = connect(primary.url);
  await sql.unsafe(`alter table users rename to real_users;
    create view users as select * from real_users where pg_sleep(30) is not null`);
  await replica.waitForPosition(await primary.database.position());
  const retries: unknown[] = [];
  await using retrying = await openDatabase(standbyUrl, {
    readOnly: true,
    onRetry: ({ error }) => retries.push(error),
  });
  const single = retrying.users.findById(user.id);
  const inUnit = DaoUnitOfWork.run(replica, ({ users }) => users.findById(user.id));
  await expect.poll(() => sql`select 1`.then(async () => activeOnStandby())).toBe(2);
  // Takes the lock with which replay comes to the readers, and lets the next ones through.
  await sql.unsafe("create or replace view users as select * from real_users");
  await expect(inUnit).rejects.toMatchObject({ name: "RetryableError" });
  expect((await single)?.id).toBe(user.id);
  expect(retries[0]).toMatchObject({ code: "40001" });
  await sql.end();
});

async function activeOnStandby(): Promise<number> {
  const sql = connect(standbyUrl);
  const rows = await sql`select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`;
  await sql.end();
  return rows.length;
}
