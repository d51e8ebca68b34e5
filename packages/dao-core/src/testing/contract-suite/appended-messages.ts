import assert from "node:assert/strict";
import { makeConversationData } from "../factories.ts";
import { assertInvalid, assertInvalidWithin, assertNotFound } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** Appending messages to a conversation. */
export const appendedMessagesCases: readonly ContractCase[] = [
  {
    name: "appendMessages: appends messages in their order, and returns how many there are",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const first = [{ role: "user", content: "one" }];
      const before = await conversations.createConversation(
        makeConversationData(user.id, goal.id, { messages: first }),
      );
      const second = [{ role: "agent", nested: { aB: [null, 1.5, "é🙂"] } }, "text", 5, null, false, {}, [], [1, [2]]];
      assert.deepEqual(await conversations.appendMessages(before.id, { messages: second }), { messageCount: 9 });
      assert.deepEqual(await conversations.appendMessages(before.id, { messages: ["last"] }), { messageCount: 10 });
      const messages = [...first, ...second, "last"];
      assert.deepEqual(await conversations.getConversation(before.id), { ...before, messages });
    },
  },
  {
    name: "appendMessages: to a conversation without messages, in either case of its id, and to no other",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const data = makeConversationData(user.id, goal.id, { messages: null });
      const [one, other] = [await conversations.createConversation(data), await conversations.createConversation(data)];
      assert.deepEqual(await conversations.appendMessages(one.id.toUpperCase(), { messages: [1] }), {
        messageCount: 1,
      });
      assert.deepEqual((await conversations.getConversation(one.id)).messages, [1]);
      assert.deepEqual(await conversations.getConversation(other.id), other);
    },
  },
  {
    name: "appendMessages: 1 to 1,000 messages a call",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const { id } = await conversations.createConversation(makeConversationData(user.id, goal.id, { messages: [] }));
      const most = Array.from({ length: 1_000 }, (_, index) => index);
      assert.deepEqual(await conversations.appendMessages(id, { messages: most }), { messageCount: 1_000 });
      for (const messages of [[], [...most, 1_000], undefined, null, "text", 5, {}]) {
        await assertInvalid(conversations.appendMessages(id, untyped({ messages: [] }, { messages })), "messages");
      }
      assert.deepEqual((await conversations.getConversation(id)).messages, most);
    },
  },
  {
    name: "appendMessages: what JSON or the database cannot hold is refused, and nothing is appended",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const { id } = await conversations.createConversation(makeConversationData(user.id, goal.id, { messages: [] }));
      let deep: unknown = 1;
      for (let depth = 0; depth < 65; depth++) deep = [deep];
      for (const wrong of [
        "\u0000",
        "\ud800",
        Number.NaN,
        new Date(0),
        deep,
        { key: "\u0000" },
        undefined,
        new Array(1),
      ]) {
        const input = untyped({ messages: ["fine"] }, { messages: ["fine", wrong] });
        await assertInvalidWithin(conversations.appendMessages(id, input), "messages");
      }
      await assertInvalid(conversations.appendMessages(id, { messages: new Array(1) }), "messages.0");
      assert.deepEqual((await conversations.getConversation(id)).messages, []);
    },
  },
  {
    name: "appendMessages: a conversation that does not exist is not_found, and an id that is not a UUID a validation error",
    async run({ conversations }) {
      await assertNotFound(conversations.appendMessages(unknownId(), { messages: [1] }));
      await assertInvalid(conversations.appendMessages("no uuid", { messages: [1] }), "id");
    },
  },
  {
    name: "appendMessages: 20 appenders at once lose nothing, and each one's messages stay together and in order",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const { id } = await conversations.createConversation(makeConversationData(user.id, goal.id, { messages: [] }));
      const appenders = Array.from({ length: 20 }, (_, index) => index);
      const results = await Promise.all(
        appenders.map((appender) => {
          const messages = [1, 2, 3].map((part) => `${appender}/${part}`);
          return conversations.appendMessages(id, { messages });
        }),
      );
      const counts = results.map(({ messageCount }) => messageCount).toSorted((a, b) => a - b);
      assert.deepEqual(
        counts,
        appenders.map((index) => 3 * (index + 1)),
      );
      const { messages } = await conversations.getConversation(id);
      const groups = appenders.map((index) => messages.slice(3 * index, 3 * index + 3).join(" "));
      const expected = appenders.map((appender) => `${appender}/1 ${appender}/2 ${appender}/3`);
      assert.deepEqual(groups.toSorted(), expected.toSorted());
    },
  },
];
