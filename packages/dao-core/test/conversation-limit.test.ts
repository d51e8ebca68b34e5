import { createDaoServices, type DaoServices, openDatabase } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

let database: TestDatabase;
let sql: postgres.Sql;
let services: DaoServices;
let userId: string;
beforeAll(async () => {
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  services = createDaoServices(database.database);
  userId = (await services.users.createUser(makeUserData())).id;
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const mebibyte = "m".repeat(1_048_576);
const tooLarge = { isTooLarge: true, code: "validation_failed", issues: [{ path: "messages" }] };

test("a conversation grows to 8 MiB and no further, however it is written", async () => {
  const { conversations } = services;
  const { id } = await conversations.createConversation({ userId, messages: Array(7).fill(mebibyte) });
  await expect(conversations.appendMessages(id, { messages: [mebibyte] })).rejects.toMatchObject(tooLarge);
  await conversations.appendMessages(id, { messages: ["short"] });
  await expect(conversations.updateConversation(id, { messages: Array(8).fill(mebibyte) })).rejects.toMatchObject(
    tooLarge,
  );
  const input = { userId, messages: Array(8).fill(mebibyte) };
  await expect(conversations.createConversation(input)).rejects.toThrow(
    "messages must have at most 8388608 bytes of JSON text in all: begin another conversation, or shorten this one.",
  );
  expect((await conversations.getConversation(id)).messages).toHaveLength(8);
});

test.each([
  ["an array", "(select jsonb_agg(repeat('m', 1048576)) from generate_series(1, 10))", 10],
  ["a string, as the Python service's planner writes them", "to_jsonb(repeat('m', 9000000))", 1],
])("one that already exceeds it, %s, can be read and shortened, but does not grow", async (_, json, count) => {
  const { conversations } = services;
  const [row] = await sql.unsafe<{ id: string }[]>(
    `insert into conversations (user_id, messages) select $1, ${json} returning id`,
    [userId],
  );
  const id = row?.id ?? "";
  expect((await conversations.getConversation(id)).messages).toHaveLength(count);
  await expect(conversations.appendMessages(id, { messages: ["more"] })).rejects.toMatchObject(tooLarge);
  await conversations.updateConversation(id, { status: "closed" });
  await expect(conversations.updateConversation(id, { messages: Array(11).fill(mebibyte) })).rejects.toMatchObject(
    tooLarge,
  );
  const messages = [mebibyte.repeat(8.5)];
  await conversations.updateConversation(id, { messages });
  expect((await conversations.getConversation(id)).messages).toEqual(messages);
});

test("the limit is an option of the database", async () => {
  await using limited = await openDatabase(database.url, { maxConversationBytes: 100, poolSize: 1 });
  const { conversations } = createDaoServices(limited);
  const { id } = await conversations.createConversation({ userId, messages: ["x".repeat(80)] });
  await expect(conversations.appendMessages(id, { messages: ["x".repeat(20)] })).rejects.toMatchObject(tooLarge);
  await expect(openDatabase(database.url, { maxConversationBytes: 1.5 })).rejects.toThrow(
    "maxConversationBytes must be a whole number of bytes from 2 on.",
  );
});

test("of two concurrent updates that shorten one over the limit, the second is compared with the result of the first", async () => {
  const { conversations } = services;
  const { id } = await conversations.createConversation({ userId, messages: [] });
  await sql`update conversations set messages = jsonb_build_array(repeat('m', 20000000)) where id = ${id}`;
  const locked = sql.begin(async (transaction) => {
    await transaction`update conversations set messages = '[]' where id = ${id}`;
    const longer = conversations.updateConversation(id, { messages: [mebibyte.repeat(9)] });
    const failure = expect(longer).rejects.toMatchObject(tooLarge);
    for (;;) {
      const [waiting] =
        await transaction`select from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))`;
      if (waiting !== undefined) return { failure };
    }
  });
  await (await locked).failure;
  expect((await conversations.getConversation(id)).messages).toEqual([]);
});
