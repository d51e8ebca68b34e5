import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { createDaoServices, DaoUnitOfWork, openDatabase } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { OpenTransaction } from "../src/session/transaction/transaction.ts";

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

/** A database behind a proxy that counts how often the client sends something after the server has. */
async function countedDatabase() {
  const target = new URL(testDatabase.url);
  let trips = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let isOurTurn = true;
    client.on("data", (data) => {
      if (isOurTurn) trips++;
      isOurTurn = false;
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      isOurTurn = true;
      client.write(data);
    });
    client.on("close", () => upstream.destroy()).on("error", () => undefined);
    upstream.on("close", () => client.destroy()).on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  const database = await openDatabase(url.href, { poolSize: 1 });
  return {
    database,
    async count(work: () => Promise<unknown>): Promise<number> {
      trips = 0;
      await work();
      return trips;
    },
    async [Symbol.asyncDispose]() {
      await database.close();
      server.close();
    },
  };
}

test("a unit of work takes a round trip for each statement that awaits another, and one for the commit", async () => {
  await using counted = await countedDatabase();
  const { database, count } = counted;
  const { id } = await database.users.create(makeUserData());
  const inUnit = (work: (uow: DaoUnitOfWork) => Promise<unknown>) => count(() => DaoUnitOfWork.run(database, work));
  const find = (uow: DaoUnitOfWork) => uow.users.findById(id);
  await inUnit(find);
  expect(await inUnit(find)).toBe(2);
  expect(await inUnit(async (uow) => [await find(uow), await find(uow), await find(uow)])).toBe(4);
  expect(await inUnit((uow) => Promise.all([find(uow), find(uow), find(uow)]))).toBe(2);
  expect(await inUnit((uow) => DaoUnitOfWork.run(uow, find))).toBe(5);
  // A write awaits BEGIN, without which it would stand by itself.
  const rename = (uow: DaoUnitOfWork) => uow.users.update(id, { name: "Ada" });
  await inUnit(rename);
  expect(await inUnit(rename)).toBe(3);
  expect(await inUnit(async (uow) => [await find(uow), await rename(uow)])).toBe(3);
  expect(await inUnit((uow) => Promise.all([rename(uow), rename(uow), find(uow)]))).toBe(5);
});

test("a statement that fails has those sent with it fail, and nothing is kept", async () => {
  const { database } = testDatabase;
  const [kept, twice, behind] = [makeUserData(), makeUserData(), makeUserData()];
  const settled = await DaoUnitOfWork.run(database, async (uow) => {
    const calls = [kept, twice, twice, behind].map((data) => uow.users.create(data));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    throw results[2]?.status === "rejected" ? results[2].reason : new Error("It should have failed.");
  }).catch((error: unknown) => error);
  expect(settled).toMatchObject({ code: "conflict" });
  expect((await database.users.list({ email: kept.email })).total).toBe(0);
});

test.each<
  [what: string, read: (uow: DaoUnitOfWork, id: string) => Promise<unknown>, options?: { signal: AbortSignal }]
>([
  ["a point query", (uow, id) => uow.users.findById(id)],
  ["a count", (uow) => uow.users.count()],
  ["a statement with a signal", (uow, id) => uow.users.findById(id), { signal: new AbortController().signal }],
])("no statement overtakes one that waits for %s", async (_, read, options) => {
  const { database } = testDatabase;
  const { id } = await database.users.create(makeUserData());
  for (let round = 0; round < 4; round++) {
    await DaoUnitOfWork.run(database, async (uow) => {
      const first = read(uow, id);
      const second = uow.users.update(id, { name: "second" }, options);
      await first;
      await Promise.all([second, uow.users.update(id, { name: "third" })]);
    });
    expect(await database.users.findById(id)).toMatchObject({ name: "third" });
  }
});

test("what is sent behind a statement that fails rejects with that one's error, so that the work is retried", async () => {
  const { database } = testDatabase;
  const [one, two] = [await database.users.create(makeUserData()), await database.users.create(makeUserData())];
  await using others = await openDatabase(testDatabase.url, { poolSize: 1 });
  const block = () => {
    for (const end = performance.now() + 30; performance.now() < end; );
  };
  const behind: readonly ((uow: DaoUnitOfWork) => Promise<unknown>)[] = [
    (uow) => uow.users.findById(two.id),
    (uow) => uow.users.count(),
    (uow) => createDaoServices(uow).users.getUser(two.id),
  ];
  for (const statement of behind) {
    const error = await DaoUnitOfWork.run(
      database,
      async (uow) => {
        await uow.users.findById(one.id);
        await others.users.update(one.id, { name: crypto.randomUUID() });
        const both = [createDaoServices(uow).users.updateUser(one.id, { name: "mine" }), statement(uow)];
        // Both responses arrive in one packet.
        setTimeout(block, 0);
        setTimeout(block, 1);
        await Promise.all(both);
      },
      { isolationLevel: "repeatable read" },
    ).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "retryable" });
  }
});

test("if BEGIN is refused, the reads sent with it are of no consequence, and no write has been sent", async () => {
  const refused = new Error("refused");
  const sent: string[] = [];
  const connection = {
    isAlive: true,
    pipelines: true,
    execute: async (text: string) => {
      sent.push(text);
      return { rows: [] };
    },
    executeScript: async (text: string) => {
      sent.push(text);
      if (text === "begin") throw refused;
    },
  };
  const run = (work: (level: OpenTransaction) => Promise<unknown>) => OpenTransaction.run(connection, "begin", work);
  await expect(run(async () => undefined)).rejects.toBe(refused);
  await expect(run((level) => level.execute("select", [], { kind: "read" }))).rejects.toBe(refused);
  const both = (level: OpenTransaction) =>
    Promise.all([level.execute("select", [], { kind: "point" }), level.execute("insert", [], { kind: "write" })]);
  await expect(run(both)).rejects.toBe(refused);
  await expect(run((level) => level.execute("insert", []))).rejects.toBe(refused);
  const others = ["begin", "select", "rollback"];
  expect(sent).toEqual(["begin", "rollback", ...others, ...others, "begin", "rollback"]);
});
