import { createDaoServices, type DatabaseSession, openDatabase } from "@flux/dao-core";
import { createTestDatabase, makeUserData, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { hosts, ofThisRun } from "./hosts.ts";

let database: TestDatabase;
let sql: postgres.Sql;
beforeAll(async () => {
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  sql = postgres(database.url, { max: 4, onnotice: () => undefined });
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** Inserts a conversation as another writer would: `json` is the content of its column `messages`. */
async function insertConversation(json: string): Promise<string> {
  const { id } = await createDaoServices(database.database).users.createUser(makeUserData());
  const [row] = await sql.unsafe<{ id: string }[]>(
    "insert into conversations (user_id, messages) values ($1, $2::text::jsonb) returning id",
    [id, json],
  );
  if (row === undefined) throw new Error("nothing was inserted");
  return row.id;
}

async function storedMessages(id: string): Promise<string | undefined> {
  const [row] = await sql.unsafe<{ json: string }[]>("select messages::text as json from conversations where id = $1", [
    id,
  ]);
  return row?.json;
}

const sessions = ofThisRun<{ name: string; open: (url: string) => Promise<[DatabaseSession, () => Promise<unknown>]> }>(
  [
    {
      name: "postgres.js",
      open: async (url) => {
        const opened = await openDatabase(url, { poolSize: 2 });
        return [opened, () => opened.close()];
      },
    },
  ],
  hosts.map(({ name, open }) => ({
    name: `the application's ${name}`,
    open: async (url) => {
      const host = await open(url, 2);
      return [host.database, () => host.close()];
    },
  })),
);

describe.each(sessions)("what the Python service and its planner write, read by $name", ({ open }) => {
  let session: DatabaseSession;
  let close: () => Promise<unknown>;
  beforeAll(async () => {
    [session, close] = await open(database.url);
  });
  afterAll(() => close());

  test.each([
    { json: "null", messages: [] },
    { json: '"[]"', messages: [] },
    { json: JSON.stringify('[{"role": "user"}, 2]'), messages: [{ role: "user" }, 2] },
    { json: '"Hello"', messages: ["Hello"] },
    { json: '""', messages: [""] },
    { json: '"[1, 2"', messages: ["[1, 2"] },
  ])("messages $json are $messages, and can be appended to", async ({ json, messages }) => {
    const id = await insertConversation(json);
    const { conversations } = createDaoServices(session);
    const read = await conversations.getConversation(id);
    expect(read.messages).toEqual(messages);
    expect((await conversations.listConversations({ userId: read.userId })).items).toEqual([read]);
    expect(await conversations.updateConversation(id, { status: "closed" })).toMatchObject({ messages });
    // Reading does not change it: the other service still finds what it wrote.
    expect(await storedMessages(id)).toBe(json);
    expect(await conversations.appendMessages(id, { messages: ["more"] })).toEqual({
      messageCount: messages.length + 1,
    });
    expect((await conversations.getConversation(id)).messages).toEqual([...messages, "more"]);
    expect(await storedMessages(id)).toMatch(/^\[/);
  });

  test("preferences that are JSON null are empty", async () => {
    const services = createDaoServices(session);
    const user = await services.users.createUser(makeUserData());
    await sql.unsafe("update users set preferences = 'null' where id = $1", [user.id]);
    expect((await services.users.getUser(user.id)).preferences).toEqual({});
    expect((await services.users.updateUser(user.id, { name: "Jane" })).preferences).toEqual({});
  });

  test("concurrent appends lose nothing, whichever of them creates the array", async () => {
    const id = await insertConversation(JSON.stringify('["first"]'));
    const { conversations } = createDaoServices(session);
    const names = Array.from({ length: 12 }, (_, index) => `${index}`);
    await Promise.all(names.map((name) => conversations.appendMessages(id, { messages: [name] })));
    const { messages } = await conversations.getConversation(id);
    expect(messages[0]).toBe("first");
    expect(messages.slice(1).toSorted()).toEqual(names.toSorted());
  });
});

test("appending to a string with an array keeps numbers that JavaScript cannot represent", async () => {
  const id = await insertConversation(JSON.stringify('[{"id": 12345678901234567890}]'));
  const { conversations } = createDaoServices(database.database);
  await conversations.appendMessages(id, { messages: [1] });
  expect(await storedMessages(id)).toBe('[{"id": 12345678901234567890}, 1]');
});

test.each(["1", "true", "{}"])("messages %s are rejected, whoever wrote them", async (json) => {
  await expect(insertConversation(json)).rejects.toMatchObject({ constraint_name: "conversations_messages_array" });
});
