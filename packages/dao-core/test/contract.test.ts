import { createDaoServices, openDatabase } from "@flux/dao-core";
import { contractSuite, createTestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, inject, test } from "vitest";
import type { TestSession } from "./hosts.ts";
import { TransactionPooler } from "./transaction-pooler.ts";

/** A database that is reached through a proxy alone, in which every transaction has another connection. */
async function openPooled(): Promise<TestSession> {
  const direct = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const pooler = await TransactionPooler.start(direct.url);
  const database = await openDatabase(pooler.through(direct.url), { prepare: false });
  const drop = async () => {
    await database.close();
    await pooler[Symbol.asyncDispose]();
    await direct.drop();
  };
  return { database, drop };
}

const engines = [
  { engine: "PostgreSQL by postgres.js", open: () => createTestDatabase({ serverUrl: inject("adminUrl") }) },
  { engine: "PostgreSQL through a transaction-pooling proxy, nothing prepared", open: openPooled },
  { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "" }) },
] as const;

describe.each(engines)("the contract on $engine", ({ open }) => {
  let testDatabase: TestSession;
  beforeAll(async () => {
    testDatabase = await open();
  });
  afterAll(() => testDatabase.drop());

  test.each(contractSuite)("$name", ({ run }) => run(createDaoServices(testDatabase.database)));
});
