import { createDaoServices, openDatabase } from "@flux/dao-core";
import { changeCases, contractSuite, createTestDatabase, idempotencyCases } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, inject, test } from "vitest";
import { citusSessions } from "./citus.ts";
import type { TestSession } from "./hosts.ts";
import { connect } from "./scratch-database.ts";
import { TransactionPooler } from "./transaction-pooler.ts";

/** A database that is only reachable through a proxy, in which every transaction gets another connection. */
async function openPooled(): Promise<TestSession> {
  const direct = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
  const pooler = await TransactionPooler.start(direct.url);
  const database = await openDatabase(pooler.through(direct.url), { prepare: false });
  const drop = async () => {
    await database.close();
    await pooler[Symbol.asyncDispose]();
    await direct.drop();
  };
  return { database, drop };
}

const ODD_SETTINGS = [
  "search_path to ''",
  "datestyle to 'German'",
  "intervalstyle to 'sql_standard'",
  "timezone to 'Asia/Kolkata'",
  "extra_float_digits to -15",
  "bytea_output to 'escape'",
  "standard_conforming_strings to off",
  "transform_null_equals to on",
  "client_encoding to 'LATIN1'",
  "default_transaction_isolation to 'serializable'",
];

/** In a schema of another name without `public`, in a database with other defaults for its connections. */
async function openElsewhere(): Promise<TestSession> {
  const { database, url, drop } = await createTestDatabase({
    serverUrl: inject("adminUrl"),
    schema: 'Tenant "7"',
    changes: true,
  });
  const admin = connect(url);
  await admin.unsafe("drop schema public cascade");
  for (const setting of ODD_SETTINGS) {
    await admin.unsafe(`alter database ${new URL(url).pathname.slice(1)} set ${setting}`);
  }
  await admin.end();
  await database.close();
  const reopened = await openDatabase(url, { schema: 'Tenant "7"' });
  return { database: reopened, drop: () => reopened.close().then(drop) };
}

const engines = [
  {
    engine: "PostgreSQL by postgres.js",
    open: () => createTestDatabase({ serverUrl: inject("adminUrl"), changes: true }),
  },
  { engine: "PostgreSQL through a transaction-pooling proxy, unprepared", open: openPooled },
  { engine: "PostgreSQL in a schema of another name", open: openElsewhere },
  {
    engine: "PGlite in a schema of another name",
    open: () => createTestDatabase({ serverUrl: "", schema: "tenant_7", changes: true }),
  },
  { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "", changes: true }) },
  ...citusSessions(),
];

describe.each(engines)("the contract on $engine", ({ engine, open }) => {
  let testDatabase: TestSession;
  beforeAll(async () => {
    testDatabase = await open();
  });
  afterAll(() => testDatabase.drop());

  test.each(contractSuite)("$name", ({ run }) => run(createDaoServices(testDatabase.database)));
  // Citus refuses triggers.
  const told = engine.includes("Citus") ? [] : changeCases;
  test.each(told)("$name", ({ run }) => run(createDaoServices(testDatabase.database)));
  test.each(idempotencyCases)("$name", ({ run }) => run(testDatabase.database));
});
