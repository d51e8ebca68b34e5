import { createDaoServices } from "@flux/dao-core";
import { describe, expect, test } from "vitest";
import { expectInvalid, expectProblem, expectStatus } from "./answer.ts";
import { type ConversationRow, createConversation, createOwner, unknownId } from "./rows.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

async function newConversation(messages: readonly unknown[] = []) {
  const { id } = await createConversation(call, await createOwner(call), { messages });
  const path = `/api/v1/conversations/${id}`;
  const read = async () => expectStatus(await call<ConversationRow>("GET", path), 200);
  const append = (body: unknown) => call<{ message_count: number }>("POST", `${path}/messages`, { body });
  return { id, path, read, append };
}

describe("POST /conversations/{id}/messages", () => {
  test("appends the messages, and returns how many there are now", async () => {
    const { read, append } = await newConversation([{ role: "user", content: "one" }]);
    const before = await read();
    const more = [{ role: "agent", aB: { c_d: [null, 1.5, "é🙂"] } }, "text", 5, null, true, [], {}];
    expect(expectStatus(await append({ messages: more }), 200)).toStrictEqual({ message_count: 8 });
    expect(await read()).toStrictEqual({ ...before, messages: [...before.messages, ...more] });
    // An array is one message, not several.
    expect(expectStatus(await append({ messages: [[1, 2]] }), 200)).toStrictEqual({ message_count: 9 });
    expect((await read()).messages.at(-1)).toStrictEqual([1, 2]);
  });

  test("the path may end with a slash, and allows POST only", async () => {
    const { path, read } = await newConversation();
    const body = { messages: ["a"] };
    expect(expectStatus(await call("POST", `${path}/messages/`, { body }), 200)).toStrictEqual({ message_count: 1 });
    for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
      const answer = await call(method, `${path}/messages`, method === "GET" ? {} : { body });
      expectProblem(answer, 405);
      expect(answer.headers.get("allow")).toBe("POST");
    }
    expect((await read()).messages).toEqual(["a"]);
  });

  test("1 to 1000 messages at a time", async () => {
    const { append, read } = await newConversation();
    const many = Array.from({ length: 1_000 }, (_, index) => index);
    expect(expectStatus(await append({ messages: many }), 200)).toStrictEqual({ message_count: 1_000 });
    expect(expectStatus(await append({ messages: [1] }), 200)).toStrictEqual({ message_count: 1_001 });
    for (const messages of [[], [...many, 1_000], null, "a", {}, 5, undefined]) {
      expectInvalid(await append({ messages }), "messages");
    }
    expect((await read()).messages).toEqual([...many, 1]);
  });

  test("a conversation that does not exist is 404, an invalid id 400", async () => {
    const body = { messages: ["a"] };
    expectProblem(await call("POST", `/api/v1/conversations/${unknownId()}/messages`, { body }), 404);
    expectInvalid(await call("POST", "/api/v1/conversations/x/messages", { body }), "id");
  });

  test("what PostgreSQL cannot store is 400 and appends nothing", async () => {
    const { append, read } = await newConversation();
    const deep = `{"messages":["fine",${"[".repeat(65)}${"]".repeat(65)}]}`;
    for (const body of ['{"messages":["fine","\\u0000"]}', '{"messages":["fine","\\ud800"]}', deep]) {
      expectProblem(await append(body), 400);
    }
    expect((await read()).messages).toEqual([]);
  });
});

describe("100 concurrent appenders", () => {
  const APPENDERS = 100;
  const ROUNDS = 5;

  test.each(["over HTTP", "in-process"])("%s: none is lost, and each one's order is kept", async (where) => {
    const { id, append, read } = await newConversation(["first"]);
    const { conversations } = createDaoServices(server.database);
    const counts: number[] = [];
    await Promise.all(
      Array.from({ length: APPENDERS }, async (_, appender) => {
        for (let round = 0; round < ROUNDS; round++) {
          // Two messages per request: no other appender's message comes between them.
          const messages = [0, 1].map((part) => ({ appender, number: round * 2 + part }));
          if (where === "in-process") counts.push((await conversations.appendMessages(id, { messages })).messageCount);
          else counts.push(expectStatus(await append({ messages }), 200).message_count);
        }
      }),
    );
    const { messages } = await read();
    const [first, ...appended] = messages as [unknown, ...{ readonly appender: number; readonly number: number }[]];
    expect(first).toBe("first");
    expect(appended).toHaveLength(APPENDERS * ROUNDS * 2);
    for (let appender = 0; appender < APPENDERS; appender++) {
      const own = appended.filter((message) => message.appender === appender).map(({ number }) => number);
      expect(own).toEqual(Array.from({ length: ROUNDS * 2 }, (_, number) => number));
    }
    for (let index = 0; index < appended.length; index += 2) {
      expect(appended[index + 1]?.appender, "no other message in between").toBe(appended[index]?.appender);
    }
    // Every count was returned once: each append saw all those before it.
    const expected = Array.from({ length: APPENDERS * ROUNDS }, (_, index) => 3 + index * 2);
    expect(counts.toSorted((a, b) => a - b)).toEqual(expected);
  });
});
