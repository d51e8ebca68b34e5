import assert from "node:assert/strict";
import { makeConversationData } from "../factories.ts";
import { assertInvalid, assertRelatedRowMissing } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, unknownId } from "./sample-rows.ts";
import { untyped } from "./untyped.ts";

/** Rules of conversations only. */
export const conversationCases: readonly ContractCase[] = [
  {
    name: "contract, Data: a conversation has its fields and no others, and is read as it was created",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const input = makeConversationData(user.id, goal.id, { status: "closed" });
      const conversation = await conversations.createConversation(input);
      const { id, createdAt } = conversation;
      assert.ok(createdAt instanceof Date);
      assert.deepEqual(conversation, { id, ...input, createdAt });
      assert.deepEqual(await conversations.getConversation(id), conversation);
      assert.deepEqual((await conversations.listConversations({ goalId: goal.id })).items, [conversation]);
    },
  },
  {
    name: "contract, Data: a conversation's messages default to [] and its status to open",
    async run(services) {
      const { user, goal } = await createOwner(services);
      const input = { userId: user.id, goalId: goal.id };
      const { messages, status } = await services.conversations.createConversation(input);
      assert.deepEqual({ messages, status }, { messages: [], status: "open" });
    },
  },
  {
    name: "contract, Errors: a conversation's user or goal that does not exist is related_row_missing",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const id = unknownId();
      const noUser = conversations.createConversation(makeConversationData(id, goal.id));
      await assertRelatedRowMissing(noUser, "userId", id);
      const noGoal = conversations.createConversation(makeConversationData(user.id, id));
      await assertRelatedRowMissing(noGoal, "goalId", id);
      assert.equal((await conversations.listConversations({ userId: user.id })).total, 0);
    },
  },
  {
    name: "contract, Data: a conversation may have no goal, and is kept when goals are deleted",
    async run(services) {
      const { conversations, goals } = services;
      const { user, goal } = await createOwner(services);
      for (const goalId of [undefined, null]) {
        const created = await conversations.createConversation({ userId: user.id, goalId });
        assert.equal(created.goalId, null);
        assert.deepEqual(await conversations.getConversation(created.id), created);
      }
      await goals.deleteGoal(goal.id);
      const { items } = await conversations.listConversations({ userId: user.id });
      assert.deepEqual(
        items.map(({ goalId }) => goalId),
        [null, null],
      );
    },
  },
  {
    name: "contract, Data: a conversation's user is required, its goal is an id or null, and its status is not coerced",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const valid = makeConversationData(user.id, goal.id);
      const conversation = await conversations.createConversation(valid);
      for (const value of [undefined, null]) {
        await assertInvalid(conversations.createConversation(untyped(valid, { userId: value })), "userId");
      }
      await assertInvalid(conversations.createConversation(untyped(valid, { goalId: "" })), "goalId");
      for (const status of [null, 5, true, [], {}]) {
        await assertInvalid(conversations.createConversation(untyped(valid, { status })), "status");
        await assertInvalid(conversations.updateConversation(conversation.id, untyped({}, { status })), "status");
      }
      assert.deepEqual(await conversations.getConversation(conversation.id), conversation);
    },
  },
  {
    name: "contract, REST: an update of a conversation keeps what is absent, and {} returns the row unchanged",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const conversation = await conversations.createConversation(makeConversationData(user.id, goal.id));
      const absent = { messages: undefined, status: undefined };
      assert.deepEqual(await conversations.updateConversation(conversation.id, {}), conversation);
      assert.deepEqual(await conversations.updateConversation(conversation.id, absent), conversation);
      let expected = conversation;
      const changes = [{ status: "closed" }, { messages: [1, "two", { three: 3 }] }, { messages: [] }];
      for (const change of changes) {
        expected = { ...expected, ...change };
        assert.deepEqual(await conversations.updateConversation(conversation.id, { ...absent, ...change }), expected);
        assert.deepEqual(await conversations.getConversation(conversation.id), expected);
      }
    },
  },
  {
    name: "contract, REST: fields that a conversation does not have are ignored; it stays with its user and its goal",
    async run(services) {
      const { conversations } = services;
      const { user, goal } = await createOwner(services);
      const other = await createOwner(services);
      const conversation = await conversations.createConversation(makeConversationData(user.id, goal.id));
      const unknown = { id: unknownId(), userId: other.user.id, goalId: other.goal.id, createdAt: new Date(0) };
      assert.deepEqual(await conversations.updateConversation(conversation.id, untyped({}, unknown)), conversation);
    },
  },
];
