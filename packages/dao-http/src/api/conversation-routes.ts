import {
  conversationCreateDto,
  conversationDto,
  conversationListRequest,
  conversationUpdateDto,
  messagesAppendDto,
  messagesAppendResult,
  pageOf,
} from "@flux/dao-core/contract";
import { listDescription, type RoutesOf } from "./route.ts";

export const conversationRoutes = {
  "conversations.listConversations": {
    method: "GET",
    path: "/api/v1/conversations/",
    summary: "List conversations",
    description: listDescription,
    query: conversationListRequest,
    output: pageOf(conversationDto),
  },
  "conversations.getConversation": {
    method: "GET",
    path: "/api/v1/conversations/{id}",
    row: true,
    summary: "Get a conversation",
    output: conversationDto,
    errors: ["not_found"],
  },
  "conversations.createConversation": {
    method: "POST",
    path: "/api/v1/conversations/",
    row: true,
    summary: "Create a conversation",
    status: 201,
    body: conversationCreateDto,
    output: conversationDto,
    location: "conversations.getConversation",
    errors: ["related_row_missing"],
  },
  "conversations.updateConversation": {
    method: "PATCH",
    path: "/api/v1/conversations/{id}",
    row: true,
    summary: "Update a conversation",
    description:
      "A field that is left out is kept. Messages are replaced as a whole: to add some, append them to those that are there.",
    body: conversationUpdateDto,
    output: conversationDto,
    errors: ["not_found"],
  },
  "conversations.appendMessages": {
    method: "POST",
    path: "/api/v1/conversations/{id}/messages",
    summary: "Append messages to a conversation",
    description:
      "1 to 1000 of them, behind those that are there, all together: of those who append at the same time none loses " +
      "anything. Answers how many there are then.",
    body: messagesAppendDto,
    output: messagesAppendResult,
    errors: ["not_found"],
  },
} satisfies RoutesOf<"conversations">;
