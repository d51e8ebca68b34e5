import { createDaoServices } from "@flux/dao-core";
import { contractSuite, createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, inject, test } from "vitest";

const engines = [
  { engine: "PostgreSQL by postgres.js", open: () => createTestDatabase({ serverUrl: inject("adminUrl") }) },
  {
    engine: "PostgreSQL, nothing prepared, as behind a transaction-pooling proxy",
    open: () => createTestDatabase({ serverUrl: inject("adminUrl"), prepare: false }),
  },
  { engine: "PGlite", open: () => createTestDatabase({ serverUrl: "" }) },
] as const;

describe.each(engines)("the contract on $engine", ({ open }) => {
  let testDatabase: TestDatabase;
  beforeAll(async () => {
    testDatabase = await open();
  });
  afterAll(() => testDatabase.drop());

  test.each(contractSuite)("$name", ({ run }) => run(createDaoServices(testDatabase.database)));
});
