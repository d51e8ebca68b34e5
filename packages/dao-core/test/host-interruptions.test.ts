import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { DaoUnitOfWork, type DatabaseSession, RetryableError, UnavailableError } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { faultyNetwork } from "../../../test/faulty-network.ts";
import { within } from "../../../test/within.ts";
import { hosts, type OpenHost, openHost } from "./hosts.ts";

const POOL_SIZE = 3;
const unknownId = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const OTHERS = "others";

describe.each(hosts)("on the application's $name, under concurrent work", (host) => {
  let opened: OpenHost & { readonly url: string };
  let session: DatabaseSession;
  /** Connections of another client, to hold locks, to inspect, and to terminate. */
  let others: postgres.Sql;

  beforeAll(async () => {
    opened = await openHost(host, POOL_SIZE);
    session = opened.database;
    others = postgres(opened.url, { max: 2, onnotice: () => undefined, connection: { application_name: OTHERS } });
  });
  afterAll(async () => {
    await others.end();
    await opened.close();
  });

  /** Runs `work` while another client holds a lock on the user's row. */
  async function whileHeld(work: (userId: string) => Promise<void>): Promise<void> {
    const user = await session.users.create(makeUserData());
    await others.begin(async (sql) => {
      await sql`select 1 from users where id = ${user.id} for update`;
      await work(user.id);
    });
    expect((await session.users.findById(user.id))?.name).toBe(user.name);
  }

  /** The number of the application's statements that are running on the server. */
  async function running(): Promise<number | undefined> {
    const [row] = await others<{ running: number }[]>`
      select count(*)::int as running from pg_stat_activity
      where datname = current_database() and application_name <> ${OTHERS} and state = 'active'`;
    return row?.running;
  }

  test("a call that waits for a lock ends at its timeout, on the server too", () =>
    whileHeld(async (id) => {
      const late = session.users.update(id, { name: "late" }, { timeout: 100 });
      await expect(late).rejects.toThrow(/not done within its 100 ms/);
      expect(await running()).toBe(0);
    }));

  test("a unit of work whose statement waits for a lock ends at its signal, on the server too, and leaves nothing behind", () =>
    whileHeld(async (id) => {
      const [data, reason, controller] = [makeUserData(), new Error("enough"), new AbortController()];
      const run = DaoUnitOfWork.run(session, async (uow) => {
        await uow.users.create(data);
        setTimeout(() => controller.abort(reason), 50);
        await uow.users.update(id, { name: "late" }, { signal: controller.signal });
      });
      await expect(run).rejects.toBe(reason);
      expect((await session.users.list({ email: data.email })).total).toBe(0);
      expect(await running()).toBe(0);
    }));

  // Our own driver on a pg pool discards the client of a cancelled statement.
  test.each(host.name === "pg" ? [] : ["nested"])(
    "the statement that a %s unit of work waits for is cancelled, and the outer one continues",
    () =>
      whileHeld(async (id) => {
        const data = makeUserData();
        await DaoUnitOfWork.run(session, async (uow) => {
          const nested = DaoUnitOfWork.run(uow, ({ users }) => users.update(id, { name: "late" }), { timeout: 50 });
          await expect(nested).rejects.toBeInstanceOf(UnavailableError);
          await uow.users.create(data);
        });
        expect((await session.users.list({ email: data.email })).total).toBe(1);
      }),
  );

  test("a nested one waits for a statement of the outer one no longer than its timeout, and the outer one continues", async () => {
    const data = makeUserData();
    let run: Promise<unknown> = Promise.resolve();
    await whileHeld(
      (id) =>
        new Promise((resolve, reject) => {
          run = DaoUnitOfWork.run(session, async (uow) => {
            const patient = uow.users.update(id, { preferences: {} });
            const nested = DaoUnitOfWork.run(uow, ({ users }) => users.create(makeUserData()), { timeout: 50 });
            await expect(nested)
              .rejects.toThrow(/not done within its 50 ms/)
              .then(resolve, reject);
            await patient;
            await uow.users.create(data);
          });
        }),
    );
    await run;
    expect((await session.users.list({ email: data.email })).total).toBe(1);
  });

  test("a deadline applies in a transaction after a failed statement", async () => {
    const data = await session.users.create(makeUserData());
    await DaoUnitOfWork.run(session, async (uow) => {
      const nested = DaoUnitOfWork.run(uow, async ({ users }) => {
        await users.create({ name: "again", email: data.email }).catch(() => undefined);
        await users.list({}, { timeout: 60_000 });
      });
      await expect(nested).rejects.toThrow();
      expect((await uow.users.list({ email: data.email }, { timeout: 60_000 })).total).toBe(1);
    });
  });

  describe("an abandoned unit of work in the application's transaction", () => {
    const insert = ({ name, email }: { name: string; email: string }) =>
      `insert into users (id, name, email) values (gen_random_uuid(), '${name}', '${email}')`;

    test.each<{
      what: string;
      nested: (uow: DaoUnitOfWork, work: (uow: DaoUnitOfWork) => Promise<unknown>) => Promise<unknown>;
    }>([
      { what: "itself", nested: (uow, work) => work(uow) },
      { what: "in a nested one", nested: (uow, work) => DaoUnitOfWork.run(uow, work) },
    ])("while it waits $what leaves nothing behind", async ({ nested }) => {
      const [undone, kept] = [makeUserData(), makeUserData()];
      let run: Promise<unknown> = Promise.resolve();
      await whileHeld(
        (id) =>
          new Promise((resolve, reject) => {
            run = opened.transaction(async (joined, execute) => {
              const work = async ({ users }: DaoUnitOfWork) => {
                await users.create(undone);
                await users.update(id, { name: "late" });
              };
              const late = DaoUnitOfWork.run(joined, (uow) => nested(uow, work), { timeout: 50 });
              await expect(late)
                .rejects.toThrow(/not done within its 50 ms/)
                .then(resolve, reject);
              await execute(insert(kept));
            });
          }),
      );
      await run;
      const written =
        await others`select email from users where name = 'late' or email in ${others([undone.email, kept.email])}`;
      expect(written).toEqual([{ email: kept.email }]);
    });

    test("before it has started does not undo later writes of the application", async () => {
      const kept = makeUserData();
      await using network = await faultyNetwork(opened.url);
      const { transaction, close } = await host.open(network.url, 1);
      await transaction(async (joined, execute) => {
        await execute("select 1");
        network.freezeOpen();
        const late = DaoUnitOfWork.run(joined, ({ users }) => users.list(), { timeout: 50 });
        await expect(late).rejects.toThrow(/not done within its 50 ms/);
        const written = Promise.resolve(execute(insert(kept)));
        network.thaw();
        await written;
      });
      expect((await session.users.list({ email: kept.email })).total).toBe(1);
      await close();
    });
  });

  test("the wait for a connection ends at once, and the pool remains usable", async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = 0;
    const holders = Array.from({ length: POOL_SIZE }, () =>
      DaoUnitOfWork.run(session, () => {
        begun++;
        return released;
      }),
    );
    await expect.poll(() => begun).toBe(POOL_SIZE);
    for (const call of [
      () => session.users.findById(unknownId, { timeout: 20 }),
      () => session.users.list({}, { timeout: 20 }),
    ]) {
      // Before the second within which a running statement may end.
      await within(900, () => expect(call()).rejects.toBeInstanceOf(UnavailableError));
    }
    release();
    await Promise.all(holders);
    expect(await session.users.findById(unknownId)).toBeNull();
  });

  test.each(["lockTimeout", "statementTimeout"])("the %s of a unit of work ends with its transaction", (limit) =>
    whileHeld(async (id) => {
      const blocked = DaoUnitOfWork.run(session, ({ users }) => users.update(id, { name: "late" }), { [limit]: 50 });
      await expect(blocked).rejects.toBeInstanceOf(UnavailableError);
    }),
  );

  test("a unit of work has the requested isolation level", async () => {
    const { id } = await session.users.create(makeUserData({ name: "before" }));
    await DaoUnitOfWork.run(
      session,
      async ({ users }) => {
        await users.findById(id);
        await others`update users set name = 'after' where id = ${id}`;
        expect((await users.findById(id))?.name).toBe("before");
      },
      { isolationLevel: "repeatable read" },
    );
  });

  describe("work that the database aborts", () => {
    /** Makes the server abort the first updates of users. */
    const abort = (times: number) => others`create or replace function abort() returns trigger language plpgsql as $$
      begin if nextval('attempts') <= ${others.unsafe(String(times))} then raise exception using errcode = '40001'; end if; return new; end $$`;
    beforeAll(async () => {
      await others`create sequence attempts`;
      await abort(0);
      await others`create trigger abort before update on users for each row execute function abort()`;
    });
    afterAll(() => others`drop trigger abort on users`);

    test("is retried if it is a single call, and in a unit of work as often as requested", async () => {
      const { id } = await session.users.create(makeUserData());
      await abort(2);
      expect((await session.users.update(id, { name: "third" }))?.name).toBe("third");
      await others`alter sequence attempts restart`;
      const run = (times: number) =>
        DaoUnitOfWork.run(session, ({ users }) => users.update(id, { name: "again" }), { retries: times });
      await expect(run(0)).rejects.toBeInstanceOf(RetryableError);
      expect((await run(1))?.name).toBe("again");
    });
  });

  describe("a connection that is lost within a unit of work", () => {
    const data = makeUserData();
    /** A separate pool: clients may hand out a lost connection once more. */
    let alone: OpenHost;
    beforeEach(async () => {
      alone = await host.open(opened.url, 1);
    });
    afterEach(() => alone.close());

    /**
     * Terminates the connection of the running work, and waits until its client has noticed: a timer of a busy process fires
     * before it reads.
     */
    const killed = async () => {
      await others`select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction'`;
      await delay(20);
      await turn();
    };

    test("before the callback has returned: the work is lost, and rolled back", async () => {
      const run = DaoUnitOfWork.run(alone.database, async (uow) => {
        await uow.users.create(data);
        await DaoUnitOfWork.run(uow, async ({ users }) => {
          await killed();
          await users.create(makeUserData());
        });
      });
      await expect(run).rejects.toMatchObject({ code: "transaction_lost", outcome: "rolled_back" });
    });

    test("at the commit: the work is lost", async () => {
      const run = DaoUnitOfWork.run(alone.database, async (uow) => {
        await uow.users.create(data);
        await killed();
      });
      await expect(run).rejects.toMatchObject({
        code: "transaction_lost",
        // A client that has reported the loss by then is not asked to commit.
        outcome: host.detectsIdleLoss ? "rolled_back" : "unknown",
      });
      expect((await session.users.list({ email: data.email })).total).toBe(0);
    });
  });
});
