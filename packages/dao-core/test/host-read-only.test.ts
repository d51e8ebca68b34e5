import { DaoUnitOfWork } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, type ExpectStatic, expect, test } from "vitest";
import { hosts, openHost } from "./hosts.ts";

const POOL_SIZE = 3;
const REFUSED = { code: "unavailable", message: expect.stringContaining("takes no writes") };
/** Milliseconds: shorter than any client keeps an idle connection by itself. */
const SOON = 5_000;

// Each waits for its sessions to grow old.
describe.concurrent.each(hosts)("a read-only server, under the application's $name", (host) => {
  let application: Awaited<ReturnType<typeof openHost>>;
  let admin: postgres.Sql;
  beforeAll(async () => {
    application = await openHost(host, POOL_SIZE);
    admin = postgres(application.url, { max: 1, onnotice: () => undefined });
  });
  afterAll(() => application.close().finally(() => admin.end()));
  beforeEach(({ expect }) => openReadOnlySessions(expect));

  /** As after a failover: a session that is open stays as it is. */
  async function setReadOnly(is: "on" | "off") {
    const name = new URL(application.url).pathname.slice(1);
    await admin.unsafe(`begin read write; alter database ${name} set default_transaction_read_only = ${is}; commit`);
  }

  /** The application's sessions: process ids, and ages in seconds. */
  const sessions = () =>
    admin<{ pid: number; age: number }[]>`
      select pid, extract(epoch from clock_timestamp() - backend_start)::float8 as age from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid() order by pid`;
  const pids = async () => (await sessions()).map(({ pid }) => pid);

  /** Opens all sessions of the pool, and waits until they are older than a second. */
  async function openReadOnlySessions(expect: ExpectStatic) {
    await setReadOnly("on");
    for (const pid of await pids()) await admin`select pg_terminate_backend(${pid}, 10000)`;
    // The client may still have the ones that were ended.
    await expect.poll(() => holdAll().then(pids, () => [])).toHaveLength(POOL_SIZE);
    await expect.poll(async () => (await sessions()).every(({ age }) => age > 1.1)).toBe(true);
  }
  const hold = () => application.transaction((_, execute) => Promise.resolve(execute("select pg_sleep(0.3)::text")));
  const holdAll = () => Promise.all(Array.from({ length: POOL_SIZE }, hold));

  const write = () => application.database.users.create(makeUserData());

  // Their connections may have no `error` listener, so none is ended.
  const isLeftAlone = /Kysely|Prisma/.test(host.name);

  test.skipIf(isLeftAlone).sequential.for([
    ["a write", write],
    ["a write with a deadline", () => application.database.users.create(makeUserData(), { timeout: 60_000 })],
    ["a unit of work", () => DaoUnitOfWork.run(application.database, (uow) => uow.users.create(makeUserData()))],
    [
      "a nested unit of work",
      () =>
        DaoUnitOfWork.run(application.database, async (uow) => {
          await uow.users.list();
          return DaoUnitOfWork.run(uow, (nested) => nested.users.create(makeUserData()));
        }),
    ],
  ] as const)("%s is unavailable, and replaces all sessions", async ([, act], { expect }) => {
    await setReadOnly("off");
    await expect(act()).rejects.toMatchObject(REFUSED);
    await expect.poll(() => write().then(() => "done", String), { timeout: SOON }).toBe("done");
    await Promise.all(Array.from({ length: POOL_SIZE }, write));
  });

  test.skipIf(isLeftAlone).sequential("is not ready, and is asked again over other sessions", async ({ expect }) => {
    const look = () => application.database.checkReady().then(() => "ready", String);
    expect(await look()).toMatch(/is read-only: its transactions are read-only/);
    await setReadOnly("off");
    // As behind a load balancer: no write arrives.
    await expect.poll(look, { timeout: SOON }).toBe("ready");
  });

  test.runIf(isLeftAlone).sequential("is unavailable, and keeps its sessions", async ({ expect }) => {
    const before = await pids();
    await expect(
      DaoUnitOfWork.run(application.database, (uow) => uow.users.create(makeUserData())),
    ).rejects.toMatchObject(REFUSED);
    await expect(application.database.checkReady()).rejects.toThrow("is read-only: its transactions are read-only");
    await holdAll();
    expect((await pids()).filter((pid) => before.includes(pid)).length).toBeGreaterThanOrEqual(POOL_SIZE - 1);
  });

  test.sequential("keeps the sessions of a unit of work that the caller declared readOnly, and of the application's transaction", async ({
    expect,
  }) => {
    const before = await pids();
    const run = DaoUnitOfWork.run(application.database, (uow) => uow.users.create(makeUserData()), { readOnly: true });
    await expect(run).rejects.toMatchObject({ code: "unit_of_work_misused" });
    const joined = application.transaction(async ({ users }) => {
      await expect(users.create(makeUserData())).rejects.toMatchObject(REFUSED);
      throw new Error("the application's");
    });
    await expect(joined).rejects.toThrow("the application's");
    await holdAll();
    expect(await pids()).toEqual(before);
  });

  // joinPgPool drops each client that was refused, and so does pool.query(), by which Drizzle and Prisma run statements.
  test
    .skipIf(/pg$|Prisma/.test(host.name))
    .sequential("that stays so costs each session at most once a second", async ({ expect }) => {
      const seen = new Set(await pids());
      const begun = performance.now();
      for (let count = 0; count < 50; count++) {
        await write().catch(() => undefined);
        for (const pid of await pids()) seen.add(pid);
      }
      const seconds = (performance.now() - begun) / 1_000;
      expect(seen.size).toBeLessThanOrEqual(POOL_SIZE * (2 + Math.floor(seconds)));
    });
});
