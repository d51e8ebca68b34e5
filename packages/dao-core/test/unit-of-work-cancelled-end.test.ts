import type { EventEmitter } from "node:events";
import { createDaoServices, DaoUnitOfWork, UnitOfWorkMisuseError } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { PostgresConnection } from "../src/drivers/postgres/connection.ts";
import { serverDriversOfThisRun } from "./every-driver.ts";

type Server = Awaited<ReturnType<(typeof serverDriversOfThisRun)[number]["open"]>>;

const CANCELLED = "select pg_cancel_backend(pg_backend_pid()), pg_sleep(60)";

/** Lets the server cancel the first statement that matches, as a request that comes at that moment does. */
function cancel(statement: RegExp): () => boolean {
  let isDone = false;
  const sent = <Text>(text: Text): Text | string => {
    const isIt = !isDone && typeof text === "string" && statement.test(text);
    isDone ||= isIt;
    return isIt ? CANCELLED : text;
  };
  const { executeScript } = PostgresConnection.prototype;
  vi.spyOn(PostgresConnection.prototype, "executeScript").mockImplementation(function (this: PostgresConnection, text) {
    return executeScript.call(this, sent(text));
  });
  const { query } = pg.Client.prototype;
  vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (
    this: pg.Client,
    ...[first, ...others]: unknown[]
  ) {
    const changed =
      typeof first === "object"
        ? Object.assign(first ?? {}, { text: sent(Reflect.get(first ?? {}, "text")) })
        : sent(first);
    return Reflect.apply(query, this, [changed, ...others]);
  });
  return () => isDone;
}

/** Lets a statement that was not sent through here fail within the transaction, just before its commit. */
function failBeforeCommit(): void {
  const { executeScript } = PostgresConnection.prototype;
  vi.spyOn(PostgresConnection.prototype, "executeScript").mockImplementation(function (this: PostgresConnection, text) {
    if (text === "commit") executeScript.call(this, "select 1 / 0").catch(() => undefined);
    return executeScript.call(this, text);
  });
  const { query } = pg.Client.prototype;
  vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (
    this: pg.Client,
    ...[first, ...others]: unknown[]
  ) {
    if (Reflect.get(Object(first), "text") === "commit") {
      const failing: Promise<unknown> = Reflect.apply(query, this, ["select 1 / 0"]);
      failing.catch(() => undefined);
    }
    return Reflect.apply(query, this, [first, ...others]);
  });
}

/** As if the next status of the transaction came in a later packet than the error before it. */
function delayStatus(client: pg.Client, milliseconds: number): void {
  const connection: EventEmitter = Reflect.get(client, "connection");
  const emit = connection.emit.bind(connection);
  vi.spyOn(connection, "emit").mockImplementation((event, ...values) => {
    if (event !== "readyForQuery" || milliseconds === 0) return emit(event, ...values);
    vi.mocked(connection.emit).mockRestore();
    return Boolean(setTimeout(() => emit(event, ...values), milliseconds));
  });
}

describe.each(serverDriversOfThisRun)("on $driver, when the server cancels", ({ driver, open }) => {
  let scene: Server;
  beforeAll(async () => {
    scene = await open();
  });
  afterEach(() => vi.restoreAllMocks());
  afterAll(() => scene[Symbol.asyncDispose]());

  // The statements of an application's postgres.js cannot be replaced, nor those of Prisma, which has a pg of its own.
  const isFixed = /application's.*(?:postgres\.js|Prisma)/.test(driver);

  const count = async () => (await createDaoServices(scene.database).users.listUsers({ count: "exact" })).total;

  test.skipIf(isFixed).each([/^savepoint/i, /^release savepoint/i, /^rollback to (savepoint )?/i])(
    "%s, all of a fulfilled unit of work is stored",
    async (end) => {
      const before = await count();
      const hasCancelled = cancel(end);
      const fulfilled = await DaoUnitOfWork.run(scene.database, async (uow) => {
        await uow.users.create(makeUserData());
        const nested = DaoUnitOfWork.run(uow, async (inner) => {
          await inner.users.create(makeUserData());
          if (end.test("rollback to savepoint")) throw new Error("enough");
        });
        await nested.catch(() => undefined);
      }).then(
        () => true,
        () => false,
      );
      expect(hasCancelled()).toBe(true);
      vi.restoreAllMocks();
      expect(await count()).toBe((before ?? 0) + (fulfilled ? 1 : 0));
    },
  );

  // Knex returns a connection to its pool whatever state the failed commit left it in.
  test.skipIf(isFixed || driver.endsWith("Knex"))(
    "the commit, nothing is stored, and the connection is free",
    async () => {
      const before = await count();
      const hasCancelled = cancel(/^commit/i);
      await expect(DaoUnitOfWork.run(scene.database, (uow) => uow.users.create(makeUserData()))).rejects.toThrow();
      expect(hasCancelled()).toBe(true);
      vi.restoreAllMocks();
      expect(await count()).toBe(before);
      await DaoUnitOfWork.run(scene.database, (uow) => uow.users.create(makeUserData()));
      expect(await count()).toBe((before ?? 0) + 1);
    },
  );

  // Other clients send the commit themselves, and do not pass on what the server says to it.
  test.runIf(["postgres.js", "the application's pg"].includes(driver))(
    "nothing, but rolls back at the commit, a unit of work rejects",
    async () => {
      const before = await count();
      failBeforeCommit();
      const run = DaoUnitOfWork.run(scene.database, (uow) => uow.users.create(makeUserData()));
      await expect(run).rejects.toThrow(UnitOfWorkMisuseError);
      vi.restoreAllMocks();
      expect(await count()).toBe(before);
    },
  );

  // Kysely does not expose its connection.
  test.runIf(/ (pg|Drizzle on pg|Knex|TypeORM)$/.test(driver)).each([0, 20])(
    "nothing, but the application's own statement fails within it, a unit of work rejects: status after %i ms",
    async (late) => {
      const before = await count();
      const clients = new Set<pg.Client>();
      const { query } = pg.Client.prototype;
      vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...values: unknown[]) {
        clients.add(this);
        return Reflect.apply(query, this, values);
      });
      const run = DaoUnitOfWork.run(scene.database, async (uow) => {
        await uow.users.create(makeUserData());
        for (const client of clients) delayStatus(client, late);
        const failing = [...clients].map((client) => client.query("select 1 / 0"));
        await expect(Promise.all(failing)).rejects.toMatchObject({ code: "22012" });
      });
      await expect(run).rejects.toThrow(UnitOfWorkMisuseError);
      vi.restoreAllMocks();
      expect(await count()).toBe(before);
    },
  );
});
