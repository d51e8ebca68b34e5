import {
  conversationCreateDto,
  conversationDto,
  conversationListRequest,
  conversationUpdateDto,
  messagesAppendDto,
  messagesAppendResult,
  pageOf,
} from "@flux/dao-core/contract";
import { listDescription } from "./list-description.ts";
import type { RoutesOf } from "./route.ts";

export const conversationRoutes = {
  listConversations: {
    summary: "List conversations",
    description: listDescription,
    status: 200,
    query: conversationListRequest,
    output: pageOf(conversationDto),
    errors: [],
  },
  getConversation: { summary: "Get a conversation", status: 200, output: conversationDto, errors: ["not_found"] },
  createConversation: {
    summary: "Create a conversation",
    status: 201,
    body: conversationCreateDto,
    example: {
      userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      goalId: "0198c5f0-7a3f-7b12-9d4e-1c2b3a495867",
      messages: [{ role: "user", content: "I want to run a half marathon." }],
      status: "open",
    },
    output: conversationDto,
    location: "getConversation",
    errors: ["related_row_missing"],
  },
  updateConversation: {
    summary: "Update a conversation",
    description:
      "A field that is left out is kept. Messages are replaced as a whole: to add some, append them to those that are there.",
    status: 200,
    body: conversationUpdateDto,
    example: { status: "closed" },
    output: conversationDto,
    errors: ["not_found"],
  },
  appendMessages: {
    summary: "Append messages to a conversation",
    description:
      "1 to 1000 of them, behind those that are there, all together: of those who append at the same time none loses " +
      "anything. Answers how many there are then.",
    status: 200,
    body: messagesAppendDto,
    example: { messages: [{ role: "assistant", content: "How far can you run today?" }] },
    output: messagesAppendResult,
    errors: ["not_found"],
  },
} satisfies RoutesOf<"conversations">;
