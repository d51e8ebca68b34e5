import { PGlite } from "@electric-sql/pglite";
import { createDaoServices, DaoUnitOfWork, type HostDrizzle, joinDrizzle, UnitOfWorkMisuseError } from "@flux/dao-core";
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
  close(): Promise<void>;
}

const hosts: readonly { driver: string; open(testDatabase: TestDatabase): Promise<Host> }[] = [
  {
    driver: "postgres.js",
    async open({ url }) {
      const client = postgres(url, { max: 4, onnotice: () => undefined });
      return { drizzle: drizzlePostgres(client), close: () => client.end() };
    },
  },
  {
    driver: "pg",
    async open({ url }) {
      const pool = new pg.Pool({ connectionString: url, max: 4 });
      return { drizzle: drizzlePg(pool), close: () => pool.end() };
    },
  },
];

describe.each(hosts)("a host's Drizzle on $driver", ({ open }) => {
  let testDatabase: TestDatabase;
  let host: Host;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
    host = await open(testDatabase);
    await host.drizzle.execute(
      sql`create table host_rows (name text primary key, at timestamptz default now(), data jsonb)`,
    );
  });
  afterAll(async () => {
    await host.close();
    await testDatabase.drop();
  });

  const hostRows = async () => Reflect.get(await joinedRows(), "length");
  const joinedRows = async () => {
    const answer: unknown = await host.drizzle.execute(sql`select name from host_rows`);
    return Array.isArray(answer) ? answer : Reflect.get(Object(answer), "rows");
  };

  test("its rows and ours commit together", async () => {
    const data = makeUserData();
    await host.drizzle.transaction(async (transaction) => {
      await transaction.execute(sql`insert into host_rows (name) values ('together')`);
      const services = createDaoServices(joinDrizzle(transaction));
      const user = await services.users.createUser(data);
      const plan = await services.goals.createGoalWithStructure(makeGoalStructureData(user.id));
      expect(await services.goals.getGoalFull(plan.id)).toMatchObject({ id: plan.id, createdAt: plan.createdAt });
    });
    expect((await testDatabase.database.users.list({ email: data.email })).total).toBe(1);
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
    expect((await testDatabase.database.users.list({ email: data.email })).total).toBe(0);
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
    const { users } = testDatabase.database;
    expect([
      (await users.list({ email: kept.email })).total,
      (await users.list({ email: undone.email })).total,
    ]).toEqual([1, 0]);
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
    expect((await testDatabase.database.users.list({ email: data.email })).total).toBe(1);
  });

  test.each(contractSuite)("contract: $name", async ({ run }) => {
    await run(createDaoServices(joinDrizzle(host.drizzle)));
  });
});

test("a host's client is left as it was: its own parsers and serializers work as before", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const client = postgres(testDatabase.url, { max: 1, onnotice: () => undefined });
  const host = drizzlePostgres(client);
  const before = { parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } };
  await createDaoServices(joinDrizzle(host)).users.createUser(makeUserData());
  expect({ parsers: { ...client.options.parsers }, serializers: { ...client.options.serializers } }).toEqual(before);
  await client.end();
});

test("a host's PGlite is joined as well", async () => {
  await using embedded = await createTestDatabase({ serverUrl: "" });
  expect(embedded.url).toBe("memory://");
  const client = await PGlite.create();
  const host = drizzlePglite(client);
  const { migrate } = await import("@flux/dao-core");
  const { DrizzleDriver } = await import("../src/session/drizzle-driver.ts");
  await migrate(new DrizzleDriver(host));
  const data = makeUserData();
  await host.transaction(async (transaction) => {
    const user = await createDaoServices(joinDrizzle(transaction)).users.createUser(data);
    expect(await createDaoServices(joinDrizzle(transaction)).users.getUser(user.id)).toEqual(user);
  });
  await client.close();
});
