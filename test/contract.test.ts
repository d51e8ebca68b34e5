import { changeCases, contractSuite, createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient } from "@flux/dao-http/client";
import { afterAll, beforeAll, describe, inject, test } from "vitest";

const key = "contract-key";

describe("the contract through the client, against the app", () => {
  let testDatabase: TestDatabase;
  let app: ReturnType<typeof createDaoApp>;
  beforeAll(async () => {
    testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl"), changes: true });
    app = createDaoApp({ services: testDatabase.database, keys: [{ name: "contract", key }] });
  });
  afterAll(() => testDatabase.drop());

  test.each([...contractSuite, ...changeCases])("$name", async ({ run }) => {
    const fetch = (url: string | URL | Request, init?: RequestInit) => app.fetch(new Request(url, init));
    await run(createDaoClient({ baseUrl: "http://dao.test", serviceKey: key, fetch }));
  });
});
