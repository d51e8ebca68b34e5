import { PGlite } from "@electric-sql/pglite";
import {
  createDaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  type HostDrizzle,
  joinDrizzle,
  UnitOfWorkMisuseError,
} from "@flux/dao-core";
import {
  contractSuite,
  createTestDatabase,
  makeGoalStructureData,
  makeUserData,
  type TestDatabase,
} from "@flux/dao-core/testing";
import { sql } from "drizzle-orm";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { drizzle as drizzlePostgres } from "drizzle-orm/postgres-js";
import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

interface Host {
  readonly drizzle: HostDrizzle;
  close(): Promise<unknown>;
}

const hosts: readonly { driver: string; open(): Promise<Host> }[] = [
  {
    driver: "postgres.js",
    async open() {
      const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl") });
      const client = postgres(url, { max: 4, onnotice: () => undefined });
      return { drizzle: drizzlePostgres(client), close: () => client.end().then(drop) };
    },
  },
  {
    driver: "pg",
    async open() {
      const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl") });
      const pool = new pg.Pool({ connectionString: url, max: 4 });
      return { drizzle: drizzlePg(pool), close: () => pool.end().then(drop) };
    },
  },
  {
    driver: "PGlite",
    async open() {
      const client = await PGlite.create();
      const drizzle = drizzlePglite(client);
      await joinDrizzle(drizzle).migrate();
      return { drizzle, close: () => client.close() };
    },
  },
];

describe.each(hosts)("a host's Drizzle on $driver", ({ open }) => {
  let host: Host;
  beforeAll(async () => {
    host = await open();
    await host.drizzle.execute(
      sql`create table host_rows (name text primary key, at timestamptz default now(), data jsonb)`,
    );
  });
  afterAll(() => host.close());

  const usersWith = async (email: string) => (await joinDrizzle(host.drizzle).users.list({ email })).total;
  const hostRows = async () => {
    const answer: unknown = await host.drizzle.execute(sql`select name from host_rows`);
    const rows: unknown = Array.isArray(answer) ? answer : Reflect.get(Object(answer), "rows");
    return Array.isArray(rows) ? rows.length : undefined;
  };

  test("a timeout is looked at in its transaction too", async () => {
    await host.drizzle.transaction(async (transaction) => {
      const { users } = joinDrizzle(transaction);
      await expect(users.list({}, { timeout: 0 })).rejects.toMatchObject({ code: "validation_failed" });
      expect((await users.list({}, { timeout: 60_000 })).page).toBe(1);
    });
  });

  test("its rows and ours commit together", async () => {
    const data = makeUserData();
    await host.drizzle.transaction(async (transaction) => {
      await transaction.execute(sql`insert into host_rows (name) values ('together')`);
      const services = createDaoServices(joinDrizzle(transaction));
      const user = await services.users.createUser(data);
      const plan = await services.goals.createGoalWithStructure(makeGoalStructureData(user.id));
      expect(await services.goals.getGoalFull(plan.id)).toMatchObject({ id: plan.id, createdAt: plan.createdAt });
    });
    expect(await usersWith(data.email)).toBe(1);
    expect(await hostRows()).toBe(1);
  });

  test("what fails in the host rolls ours back: we never commit", async () => {
    const data = makeUserData();
    const before = await hostRows();
    const run = host.drizzle.transaction(async (transaction) => {
      await transaction.execute(sql`insert into host_rows (name) values ('undone')`);
      await DaoUnitOfWork.run(joinDrizzle(transaction), (uow) => uow.users.create(data));
      throw new Error("the host's");
    });
    await expect(run).rejects.toThrow("the host's");
    expect(await usersWith(data.email)).toBe(0);
    expect(await hostRows()).toBe(before);
  });

  test("a unit of work inside is a savepoint: its failure leaves the host's transaction whole", async () => {
    const [kept, undone] = [makeUserData(), makeUserData()];
    await host.drizzle.transaction(async (transaction) => {
      const session = joinDrizzle(transaction);
      await session.users.create(kept);
      const inner = DaoUnitOfWork.run(session, async (uow) => {
        await uow.users.create(undone);
        await uow.users.create(kept);
      });
      await expect(inner).rejects.toMatchObject({ code: "conflict", field: "email" });
    });
    expect([await usersWith(kept.email), await usersWith(undone.email)]).toEqual([1, 0]);
  });

  describe.each([
    {
      where: "in its transaction",
      within: (work: (session: DatabaseSession) => Promise<unknown>) =>
        host.drizzle.transaction((transaction) => work(joinDrizzle(transaction))),
    },
    {
      where: "outside of one",
      within: (work: (session: DatabaseSession) => Promise<unknown>) => work(joinDrizzle(host.drizzle)),
    },
  ])("what a unit of work refuses, $where", ({ within }) => {
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

    test("two nested ones side by side", async () => {
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

    test("a nested one that is under way when it ends", async () => {
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

    test("to wait for its callback longer than its timeout", async () => {
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

  test("the moment of the commit is the host's to know", async () => {
    const run = host.drizzle.transaction((transaction) =>
      DaoUnitOfWork.run(joinDrizzle(transaction), async (uow) => uow.afterCommit(() => undefined)),
    );
    await expect(run).rejects.toBeInstanceOf(UnitOfWorkMisuseError);
  });

  test("outside a transaction a unit of work is a transaction of the host's", async () => {
    const data = makeUserData();
    let committed = false;
    await DaoUnitOfWork.run(joinDrizzle(host.drizzle), async (uow) => {
      await uow.users.create(data);
      uow.afterCommit(() => {
        committed = true;
      });
    });
    expect(committed).toBe(true);
    expect(await usersWith(data.email)).toBe(1);
  });

  test.each(contractSuite)("contract: $name", async ({ run }) => {
    await run(createDaoServices(joinDrizzle(host.drizzle)));
  });
});

test("a host's client is left as it was: its own parsers and serializers work as before", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const client = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
  const host = drizzlePostgres(client);
  await host.execute(sql`select 1`); // postgres.js adds the array types when it connects
  const before = { parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } };
  await createDaoServices(joinDrizzle(host)).users.createUser(makeUserData());
  expect({ parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } }).toEqual(before);
  await client.end();
});

describe("what pg says without a SQLSTATE", () => {
  let testDatabase: TestDatabase;
  let pool: pg.Pool;
  /** The pool has one client at a time: this is the last. */
  let client: pg.PoolClient | undefined;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
    pool = new pg.Pool({ connectionString: testDatabase.url, max: 1, connectionTimeoutMillis: 100 });
    // A host's own duty: a client without a listener ends the process when its connection is lost.
    pool.on("error", () => undefined);
    pool.on("connect", (connected) => {
      client = connected;
      connected.on("error", () => undefined);
    });
  });
  afterAll(() => pool.end().then(() => testDatabase.drop()));

  const session = () => joinDrizzle(drizzlePg(pool));
  /** Ends the connection as a network does: not a word from the server. */
  const cut = () => Reflect.get(Object(client), "connection").stream.destroy();
  const lost = (outcome: string) => ({ code: "transaction_lost", outcome });

  test("a pool that gives no connection in time: unavailable", async () => {
    const held = await pool.connect();
    await expect(session().users.list()).rejects.toMatchObject({ code: "unavailable" });
    await expect(DaoUnitOfWork.run(session(), ({ users }) => users.list())).rejects.toMatchObject({
      code: "unavailable",
    });
    held.release();
  });

  test("a connection that is cut during a statement: unavailable, within a transaction lost", async () => {
    // At the moment at which the pool gives the client, whose statement then finds nobody.
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

  test("a connection that is cut when the host commits: lost, and nobody knows how", async () => {
    const run = DaoUnitOfWork.run(session(), async (uow) => {
      await uow.users.create(makeUserData());
      cut();
    });
    await expect(run).rejects.toMatchObject(lost("unknown"));
  });
});
