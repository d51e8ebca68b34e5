import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, inject } from "vitest";

/** A migrated database to which only the service is connected, and one connection to inspect it. */
export interface ServiceDatabase {
  readonly url: string;
  readonly sql: postgres.Sql;
}

/** A database for all tests of a file. */
export function useServiceDatabase(): ServiceDatabase {
  let opened: { readonly database: TestDatabase; readonly sql: postgres.Sql } | undefined;
  beforeAll(async () => {
    const database = await createTestDatabase({ serverUrl: inject("adminUrl") });
    await database.database.close();
    opened = { database, sql: postgres(database.url, { max: 1, onnotice: () => undefined }) };
  });
  afterAll(async () => {
    await opened?.sql.end();
    await opened?.database.drop();
  });
  const open = () => {
    if (opened === undefined) throw new Error("The database exists from beforeAll to afterAll.");
    return opened;
  };
  return {
    get url() {
      return open().database.url;
    },
    get sql() {
      return open().sql;
    },
  };
}
