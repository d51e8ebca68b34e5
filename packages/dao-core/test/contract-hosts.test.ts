import { PGlite } from "@electric-sql/pglite";
import { createDaoServices, joinDrizzle } from "@flux/dao-core";
import { changeCases, contractSuite, idempotencyCases } from "@flux/dao-core/testing";
import { drizzle } from "drizzle-orm/pglite";
import { afterAll, beforeAll, describe, test } from "vitest";
import { hostSessions, type TestSession } from "./hosts.ts";

const embedded = {
  engine: "Drizzle on PGlite",
  cannot: undefined,
  async open(): Promise<TestSession> {
    const client = await PGlite.create();
    const database = joinDrizzle(drizzle(client));
    await database.migrate({ changes: true });
    return { database, drop: () => client.close() };
  },
};

describe.each([...hostSessions(4), embedded])("the contract on the application's $engine", ({ open, cannot = [] }) => {
  const cases = [...contractSuite, ...changeCases].filter(
    ({ name }) => !cannot.some((beginning) => name.startsWith(beginning)),
  );

  let host: TestSession;
  beforeAll(async () => {
    host = await open();
  });
  afterAll(() => host.drop());

  test.each(cases)("$name", ({ run }) => run(createDaoServices(host.database)));
  test.each(idempotencyCases)("$name", ({ run }) => run(host.database));
});
