import { openDatabase, UnavailableError } from "@flux/dao-core";
import { createTestDatabase, makeUserData } from "@flux/dao-core/testing";
import { expect, inject, test } from "vitest";
import { faultyNetwork } from "../../../test/faulty-network.ts";

// postgres.js sends queued statements on a new connection, where it continues to count the rows of the interrupted result.
test("a statement that is pipelined after an interrupted response does not get a wrong result", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  const { users } = testDatabase.database;
  const [user] = await Promise.all(
    Array.from({ length: 100 }, () => users.create(makeUserData({ name: "x".repeat(255) }))),
  );
  if (user === undefined) throw new RangeError("there is no user");
  await using network = await faultyNetwork(testDatabase.url);
  await using database = await openDatabase(network.url, { poolSize: 1 });
  await database.users.list();

  const cut = network.cut({ after: 0, share: 0.5, reset: false });
  // For the first statement of its kind the driver delays those after it, until it knows the statement's types.
  const calls = [database.users.list(), database.goals.list(), database.users.findById(user.id)];
  const [answerOfManyRows, , waiting] = await Promise.allSettled(calls);
  await cut;
  expect(answerOfManyRows).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
  if (waiting?.status === "fulfilled") expect(waiting.value).toEqual(user);
  else expect(waiting?.reason).toBeInstanceOf(UnavailableError);
  await expect(database.users.findById(user.id)).resolves.toEqual(user);
});

test("a statement whose connection is refused rejects with that cause", async () => {
  await using testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  await using network = await faultyNetwork(testDatabase.url);
  await using database = await openDatabase(network.url, { poolSize: 1 });
  await network.leave();
  const calls = () => [database.users.list(), database.users.list()];
  // The first ones may still use the open connection.
  await Promise.allSettled(calls());
  for (const outcome of await Promise.allSettled(calls())) {
    expect(outcome).toMatchObject({ reason: { code: "unavailable", cause: { code: "ECONNREFUSED" } } });
  }
});
