import { DaoUnitOfWork, type DatabaseSession, RetryableError, UnavailableError } from "@flux/dao-core";
import { createTestDatabase, makeUserData } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { kyselySession } from "../../../examples/kysely-session/kysely-session.ts";
import { openKysely } from "../../../examples/kysely-session/open-kysely.ts";

/*
 * What the port adds to an ORM, by the example of Kysely: the contract suite and the tests of units of work run on it too, but
 * not those with others at work.
 */

const POOL_SIZE = 3;
const unknownId = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

let kysely: ReturnType<typeof openKysely>;
let session: DatabaseSession;
/** Connections of somebody else's, to hold locks, to look, and to kill. */
let others: postgres.Sql;
let drop: () => Promise<void>;

beforeAll(async () => {
  const testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  kysely = openKysely(testDatabase.url, POOL_SIZE);
  session = kyselySession(kysely);
  others = postgres(testDatabase.url, {
    max: 2,
    onnotice: () => undefined,
    connection: { application_name: "others" },
  });
  drop = testDatabase.drop;
});
afterAll(async () => {
  await kysely.destroy();
  await others.end();
  await drop();
});

/** Runs `work` while somebody else holds the user's row. */
async function whileHeld(work: (userId: string) => Promise<void>): Promise<void> {
  const user = await session.users.create(makeUserData());
  await others.begin(async (sql) => {
    await sql`select 1 from users where id = ${user.id} for update`;
    const begun = performance.now();
    await work(user.id);
    // Before the pool's own lock time-out would have ended it.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
  expect((await session.users.findById(user.id))?.name).toBe(user.name);
}

/** What the server says of our connections, and of those that a call can be cancelled on. */
async function connections(): Promise<{ active: number; named: number }> {
  const [row] = await others<{ active: number; named: number }[]>`
    select count(*) filter (where state = 'active')::int as active,
      count(*) filter (where application_name like 'flux-dao %')::int as named
    from pg_stat_activity where datname = current_database() and application_name <> 'others'`;
  return row ?? { active: -1, named: -1 };
}

const idle = { active: 0, named: 0 };

describe("a call that is given up", () => {
  test("by its timeout, while it waits for a lock: UnavailableError, and the server is at it no more", () =>
    whileHeld(async (id) => {
      const late = session.users.update(id, { name: "late" }, { timeout: 100 });
      await expect(late).rejects.toThrow(/not done within its 100 ms/);
      expect(await connections()).toEqual(idle);
    }));

  test("by its signal, within a unit of work: its reason, and all is rolled back", () =>
    whileHeld(async (id) => {
      const [data, reason, controller] = [makeUserData(), new Error("enough"), new AbortController()];
      const run = DaoUnitOfWork.run(session, async (uow) => {
        await uow.users.create(data);
        setTimeout(() => controller.abort(reason), 50);
        await uow.users.update(id, { name: "late" }, { signal: controller.signal });
      });
      await expect(run).rejects.toBe(reason);
      expect((await session.users.list({ email: data.email })).total).toBe(0);
      expect(await connections()).toEqual(idle);
    }));

  test("while it waits for a connection: at once, and the pool goes on", async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holders = Array.from({ length: POOL_SIZE }, () => DaoUnitOfWork.run(session, () => released));
    await expect(session.users.findById(unknownId, { timeout: 20 })).rejects.toBeInstanceOf(UnavailableError);
    release();
    await Promise.all(holders);
    expect(await session.users.findById(unknownId)).toBeNull();
  });
});

test.each(["lockTimeout", "statementTimeout"])("the %s of a unit of work is its transaction's own", (limit) =>
  whileHeld(async (id) => {
    const blocked = DaoUnitOfWork.run(session, ({ users }) => users.update(id, { name: "late" }), { [limit]: 50 });
    await expect(blocked).rejects.toBeInstanceOf(UnavailableError);
  }),
);

describe("what the database gives up for others", () => {
  /** Has the server give up the first updates of users. */
  const giveUp = (times: number) => others`create or replace function give_up() returns trigger language plpgsql as $$
    begin if nextval('attempts') <= ${others.unsafe(String(times))} then raise exception using errcode = '40001'; end if; return new; end $$`;
  beforeAll(async () => {
    await others`create sequence attempts`;
    await giveUp(0);
    await others`create trigger give_up before update on users for each row execute function give_up()`;
  });
  afterAll(() => others`drop trigger give_up on users`);

  test("is tried again where it is a single call, and in a unit of work as often as was asked for", async () => {
    const { id } = await session.users.create(makeUserData());
    let retries = 0;
    const watched = kyselySession(kysely, { onRetry: () => retries++ });
    await giveUp(2);
    expect((await watched.users.update(id, { name: "third" }))?.name).toBe("third");
    expect(retries).toBe(2);
    await others`alter sequence attempts restart`;
    const run = (times: number) =>
      DaoUnitOfWork.run(session, ({ users }) => users.update(id, { name: "again" }), { retries: times });
    await expect(run(0)).rejects.toBeInstanceOf(RetryableError);
    expect((await run(1))?.name).toBe("again");
  });
});

describe("a connection that is lost within a unit of work", () => {
  const killed = async () => {
    await others`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name <> 'others'`;
    // Until the client has heard of it.
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const data = makeUserData();

  test("before it is done: it is lost, and rolled back", async () => {
    const run = DaoUnitOfWork.run(session, async (uow) => {
      await uow.users.create(data);
      await DaoUnitOfWork.run(uow, async ({ users }) => {
        await killed();
        await users.create(makeUserData());
      });
    });
    await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "rolled_back" });
  });

  test("when it is committed: it is lost, and nobody knows how", async () => {
    const run = DaoUnitOfWork.run(session, async (uow) => {
      await uow.users.create(data);
      await killed();
    });
    await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "unknown" });
    expect((await session.users.list({ email: data.email })).total).toBe(0);
  });
});
