import { createDaoServices, joinPgPool, openDatabase } from "@flux/dao-core";
import { contractSuite, createTestDatabase } from "@flux/dao-core/testing";
import pg from "pg";
import { afterAll, beforeAll, describe, inject, test } from "vitest";
import { openKyselySession, type TestSession } from "./kysely-database.ts";
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

async function openPgPool(): Promise<TestSession> {
  const { url, drop } = await createTestDatabase({ serverUrl: inject("adminUrl"), poolSize: 1 });
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  return { database: joinPgPool(pool), drop: () => pool.end().then(drop) };
}

const engines = [
  { engine: "PostgreSQL by postgres.js", open: () => createTestDatabase({ serverUrl: inject("adminUrl") }) },
  { engine: "PostgreSQL through a transaction-pooling proxy, nothing prepared", open: openPooled },
  { engine: "a host's pg pool", open: openPgPool },
  { engine: "Kysely", open: () => openKyselySession(4) },
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
