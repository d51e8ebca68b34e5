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
    description: "An omitted field is kept. Messages are replaced as a whole: to add messages, append them.",
    body: conversationUpdateDto,
    output: conversationDto,
    errors: ["not_found"],
  },
  "conversations.appendMessages": {
    method: "POST",
    path: "/api/v1/conversations/{id}/messages",
    summary: "Append messages to a conversation",
    description:
      "1 to 1000, after the existing ones, all together: concurrent appends lose nothing. Returns how many there are now.",
    body: messagesAppendDto,
    output: messagesAppendResult,
    errors: ["not_found"],
  },
} satisfies RoutesOf<"conversations">;
