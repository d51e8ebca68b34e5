import { PGlite } from "@electric-sql/pglite";
import {
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  joinDrizzle,
  runOnce,
  UnitOfWorkMisuseError,
} from "@flux/dao-core";
import { createTestDatabase, makeGoalStructureData, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { sql } from "drizzle-orm";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import type pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { migrate } from "../src/migrations/migrate.ts";
import { SchemaName } from "../src/schema/schema-name.ts";
import type { SqlDriver } from "../src/session/driver.ts";
import { hosts, type OpenHost, openHost } from "./hosts.ts";
import { ONLINE_SET, STEP_NAMES } from "./online-migration.ts";
import { openPool } from "./pg-pool.ts";

/** Drizzle on a database in this process, with a single connection. */
async function openEmbedded(): Promise<OpenHost> {
  const client = await PGlite.create();
  const drizzle = drizzlePglite(client);
  await joinDrizzle(drizzle).migrate();
  return {
    database: joinDrizzle(drizzle),
    transaction: (work) =>
      drizzle.transaction((transaction) =>
        work(joinDrizzle(transaction), (text) => transaction.execute(sql.raw(text))),
      ),
    close: () => client.close(),
  };
}

const cases = [
  // postgres.js runs what comes after the end of a transaction outside of it.
  ...hosts.map((host) => ({
    name: host.name,
    detectsEnd: !host.name.endsWith("postgres.js"),
    open: () => openHost(host, 4),
  })),
  { name: "Drizzle on PGlite", detectsEnd: false, open: openEmbedded },
];

describe.each(cases)("a transaction of the application's $name", ({ detectsEnd, open }) => {
  let host: OpenHost;
  beforeAll(async () => {
    host = await open();
    await host.transaction((_, execute) => Promise.resolve(execute("create table host_rows (name text primary key)")));
  });
  afterAll(() => host.close());

  const usersWith = async (email: string) => (await host.database.users.list({ email })).total;
  /** Whether the row that the application's own statement wrote exists. */
  const hasRow = (name: string) =>
    host
      .transaction(async (_, execute) => {
        await execute(`insert into host_rows (name) values ('${name}')`);
        throw new Error("The row does not exist.");
      })
      .catch((error: unknown) => !String(error).includes("The row does not exist."));

  test("a timeout applies in its transaction too", async () => {
    await host.transaction(async ({ users }) => {
      await expect(users.list({}, { timeout: 0 })).rejects.toMatchObject({ code: "validation_failed" });
      expect((await users.list({}, { timeout: 60_000 })).page).toBe(1);
    });
  });

  test("a position covers what was committed, and a read after it is satisfied on a primary", async () => {
    const before = await host.database.position();
    await host.database.users.create(makeUserData());
    const readAfter = await host.database.position();
    expect(readAfter > before).toBe(true);
    await host.database.waitForPosition(readAfter, { timeout: 10_000 });
    await host.transaction(async ({ users }) => {
      expect((await users.list({}, { readAfter })).total).toBeGreaterThan(0);
    });
  });

  test("its own users table and ours, which are in another schema, are written together or not at all", async () => {
    const schema = "flux_data";
    await host.database.withSchema(schema).migrate();
    const services = createDaoServices(host.database.withSchema(schema));
    await host.transaction((_, execute) =>
      Promise.resolve(execute(`create table employees (user_id uuid primary key references ${schema}.users (id))`)),
    );
    const hire = (email: string, mayStay: boolean) =>
      host.transaction(async (session, execute) => {
        const own = createDaoServices(session.withSchema(schema));
        const user = await own.users.createUser(makeUserData({ email }));
        await execute(`insert into employees (user_id) values ('${user.id}')`);
        const plan = await DaoUnitOfWork.run(session.withSchema(schema), (uow) =>
          createDaoServices(uow).goals.createGoalWithStructure(makeGoalStructureData(user.id)),
        );
        const [task] = plan.tasks;
        await own.tasks.updateTasks({
          updates: [{ id: task?.id ?? "", state: "completed", endTime: task?.startTime }],
        });
        if (!mayStay) throw new Error("not hired");
        return plan;
      });
    await expect(hire("gone@example.com", false)).rejects.toThrow("not hired");
    const plan = await hire("there@example.com", true);
    const full = await services.goals.getGoalFull(plan.id);
    expect(full.tasks.filter(({ state }) => state === "completed")).toHaveLength(1);
    expect((await services.users.listUsers()).items.map(({ email }) => email)).toEqual(["there@example.com"]);
    expect(await usersWith("there@example.com")).toBe(0);
    const { result } = await runOnce(
      host.database.withSchema(schema),
      { key: "k" },
      async ({ tasks }) => (await tasks.list()).total,
    );
    expect(result).toBe(full.tasks.length);
  });

  test("its rows and ours are committed together", async () => {
    const data = makeUserData();
    await host.transaction(async (session, execute) => {
      await execute("insert into host_rows (name) values ('together')");
      const services = createDaoServices(session);
      const user = await services.users.createUser(data);
      const plan = await services.goals.createGoalWithStructure(makeGoalStructureData(user.id));
      expect(await services.goals.getGoalFull(plan.id)).toMatchObject({ id: plan.id, createdAt: plan.createdAt });
    });
    expect(await usersWith(data.email)).toBe(1);
    expect(await hasRow("together")).toBe(true);
  });

  test("a failure of the application rolls ours back: nothing is committed here", async () => {
    const data = makeUserData();
    const run = host.transaction(async (session, execute) => {
      await execute("insert into host_rows (name) values ('undone')");
      await DaoUnitOfWork.run(session, (uow) => uow.users.create(data));
      throw new Error("the application's");
    });
    await expect(run).rejects.toThrow("the application's");
    expect(await usersWith(data.email)).toBe(0);
    expect(await hasRow("undone")).toBe(false);
  });

  test("a unit of work inside is a savepoint: its failure leaves the transaction intact", async () => {
    const [kept, undone] = [makeUserData(), makeUserData()];
    await host.transaction(async (session) => {
      await session.users.create(kept);
      const inner = DaoUnitOfWork.run(session, async (uow) => {
        await uow.users.create(undone);
        await uow.users.create(kept);
      });
      await expect(inner).rejects.toMatchObject({ code: "conflict", field: "email" });
    });
    expect([await usersWith(kept.email), await usersWith(undone.email)]).toEqual([1, 0]);
  });

  test.runIf(detectsEnd)("a unit of work that outlives it is refused, and does not pass for rolled back", async () => {
    const data = makeUserData();
    let [finish, late]: [() => void, Promise<unknown>] = [() => undefined, Promise.resolve()];
    await host.transaction(
      (session) =>
        new Promise<void>((resolve) => {
          late = DaoUnitOfWork.run(session, async (uow) => {
            await uow.users.create(data);
            resolve();
            await new Promise<void>((ended) => {
              finish = ended;
            });
            await uow.users.list();
          });
        }),
    );
    finish();
    await expect(late).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
    expect(await usersWith(data.email)).toBe(1);
  });

  describe.each([
    {
      where: "in its transaction",
      within: (work: (session: DatabaseSession) => Promise<unknown>) => host.transaction((session) => work(session)),
    },
    {
      where: "outside of one",
      within: (work: (session: DatabaseSession) => Promise<unknown>) => work(host.database),
    },
  ])("what a unit of work rejects, $where", ({ within }) => {
    test("a commit after the error of a failed statement was swallowed", async () => {
      const data = makeUserData();
      const run = within((session) =>
        DaoUnitOfWork.run(session, async (uow) => {
          await uow.users.create(data);
          await uow.users.create(data).catch(() => undefined);
        }),
      );
      await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      expect(await usersWith(data.email)).toBe(0);
    });

    test("a commit while a promise was not awaited", async () => {
      const data = makeUserData();
      const run = within((session) =>
        DaoUnitOfWork.run(session, async (uow) => {
          void uow.users.create(data).catch(() => undefined);
        }),
      );
      await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      expect(await usersWith(data.email)).toBe(0);
    });

    test("two concurrent nested ones", async () => {
      const [first, second] = [makeUserData(), makeUserData()];
      await within((session) =>
        DaoUnitOfWork.run(session, async (uow) => {
          const [one, two] = await Promise.allSettled(
            [first, second].map((data) => DaoUnitOfWork.run(uow, (nested) => nested.users.create(data))),
          );
          expect(one?.status).toBe("fulfilled");
          expect(two).toMatchObject({ status: "rejected", reason: { code: "unit_of_work_misused" } });
        }),
      );
      expect([await usersWith(first.email), await usersWith(second.email)]).toEqual([1, 0]);
    });

    test("a nested one in progress when it ends", async () => {
      const data = makeUserData();
      let underWay: Promise<unknown> = Promise.resolve();
      const run = within((session) =>
        DaoUnitOfWork.run(session, async (uow) => {
          const created = new Promise<void>((resolve) => {
            underWay = DaoUnitOfWork.run(uow, async (nested) => {
              await nested.users.create(data);
              resolve();
              await run.catch(() => undefined);
              await nested.users.create(makeUserData());
            });
            underWay.catch(() => undefined);
          });
          await created;
          throw new Error("fails beside it");
        }),
      );
      await expect(run).rejects.toThrow("fails beside it");
      await expect(underWay).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      expect(await usersWith(data.email)).toBe(0);
    });

    test("waiting for its callback longer than its timeout", async () => {
      const [kept, undone] = [makeUserData(), makeUserData()];
      await within(async (session) => {
        const late = DaoUnitOfWork.run(
          session,
          async (uow) => {
            await uow.users.create(undone);
            await DaoUnitOfWork.run(uow, () => new Promise(() => undefined));
          },
          { timeout: 50 },
        );
        await expect(late).rejects.toThrow(/not done within its 50 ms/);
        await session.users.create(kept);
      });
      expect([await usersWith(kept.email), await usersWith(undone.email)]).toEqual([1, 0]);
    });

    test("a statement after its end", async () => {
      const data = makeUserData();
      let escaped: DaoUnitOfWork | undefined;
      await within((session) =>
        DaoUnitOfWork.run(session, async (uow) => {
          escaped = uow;
        }),
      );
      await expect(escaped?.users.create(data)).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
      expect(await usersWith(data.email)).toBe(0);
    });
  });

  test("only the application knows when it commits", async () => {
    const run = host.transaction((session) =>
      DaoUnitOfWork.run(session, async (uow) => uow.afterCommit(() => undefined)),
    );
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("outside of one a unit of work is a transaction of its own", async () => {
    const data = makeUserData();
    let committed = false;
    await DaoUnitOfWork.run(host.database, async (uow) => {
      await uow.users.create(data);
      uow.afterCommit(() => {
        committed = true;
      });
    });
    expect(committed).toBe(true);
    expect(await usersWith(data.email)).toBe(1);
  });

  test("its options are the application's", async () => {
    const run = host.transaction((session) =>
      DaoUnitOfWork.run(session, ({ users }) => users.list(), { readOnly: true }),
    );
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("a database outside of one is migrated, checked and diagnosed like ours", async () => {
    expect((await host.database.migrate()).applied).toEqual([]);
    await host.database.checkReady();
    expect((await host.database.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
  });

  test("the online steps of a migration are done by its client", async () => {
    const schema = new SchemaName("online_steps");
    const database = host.database.withSchema(schema.name);
    await database.migrate();
    await createDaoServices(database).users.createUser(makeUserData());
    const driver: SqlDriver = Reflect.get(database, "driver");
    const report = await migrate(driver, schema, { signal: new AbortController().signal }, ONLINE_SET);
    expect(report.online).toEqual(STEP_NAMES);
    await database.checkReady();
  });
});

test("an application's client is unchanged: its own parsers and serializers work as before", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const client = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
  const host = drizzlePostgres(client);
  await host.execute(sql`select 1`); // postgres.js adds the array types when it connects
  const before = { parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } };
  await createDaoServices(joinDrizzle(host)).users.createUser(makeUserData());
  expect({ parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } }).toEqual(before);
  await client.end();
});

describe("errors of pg without a SQLSTATE", () => {
  let testDatabase: TestDatabase;
  let pool: pg.Pool;
  /** The only client of the pool, the latest one. */
  let client: pg.PoolClient | undefined;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
    pool = openPool(testDatabase.url, 1);
    // The application's duty: the `error` event of a client without a listener ends the process when its connection is lost.
    pool.on("error", () => undefined);
    pool.on("connect", (connected) => {
      client = connected;
      connected.on("error", () => undefined);
    });
  });
  afterAll(() => pool.end().then(() => testDatabase.drop()));

  const session = () => joinDrizzle(drizzlePg(pool));
  /** Cuts the connection as a network does, without a message from the server. */
  const cut = () => Reflect.get(Object(client), "connection").stream.destroy();
  const lost = (outcome: string) => ({ code: "transaction_lost", outcome });

  test("a pool without a free connection in time: unavailable", async () => {
    const held = await pool.connect();
    // Set only now, since it also limits the time to open a connection. While this one is held none is opened.
    pool.options.connectionTimeoutMillis = 50;
    try {
      const unavailable = { code: "unavailable" };
      await expect(session().users.list()).rejects.toMatchObject(unavailable);
      const run = DaoUnitOfWork.run(session(), ({ users }) => users.list());
      await expect(run).rejects.toMatchObject(unavailable);
    } finally {
      pool.options.connectionTimeoutMillis = 0;
      held.release();
    }
  });

  test("a connection that is cut during a statement: unavailable, or lost within a transaction", async () => {
    // Cut when the pool hands out the client, so that the statement finds a closed socket.
    pool.once("acquire", cut);
    await expect(session().users.list()).rejects.toMatchObject({ code: "unavailable" });
    const data = makeUserData();
    const run = DaoUnitOfWork.run(session(), async (uow) => {
      await uow.users.create(data);
      await DaoUnitOfWork.run(uow, async ({ users }) => {
        cut();
        await expect(users.list()).rejects.toMatchObject(lost("rolled_back"));
        await users.list();
      });
    });
    await expect(run).rejects.toMatchObject(lost("rolled_back"));
    expect((await session().users.list({ email: data.email })).total).toBe(0);
  });

  test("a connection that is cut when the application commits: lost, with an unknown outcome", async () => {
    const run = DaoUnitOfWork.run(session(), async (uow) => {
      await uow.users.create(makeUserData());
      cut();
    });
    await expect(run).rejects.toMatchObject(lost("unknown"));
  });
});
