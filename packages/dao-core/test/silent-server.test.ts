import { openDatabase, UnavailableError } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { expect, inject, test } from "vitest";
import { faultyNetwork } from "../../../test/faulty-network.ts";

test("a migration with time-outs ends although the server hangs", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  await using network = await faultyNetwork(testDatabase.url);
  await using database = await openDatabase(network.url, { poolSize: 1 });
  network.freeze();
  const limits = { waitTimeout: 100, lockTimeout: 100, statementTimeout: 100 };
  await expect(database.migrate(limits)).rejects.toBeInstanceOf(UnavailableError);
});
