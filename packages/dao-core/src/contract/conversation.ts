import * as z from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry } from "./dto-registry.ts";
import { id } from "./fields/id.ts";
import { instant } from "./fields/instant.ts";
import { jsonArray } from "./fields/json.ts";
import { text } from "./fields/text.ts";
import { memberOf, refuseLongList, validate } from "./fields/validation.ts";
import { filterText, listRequest, type Page } from "./page.ts";

/** The messages that a user and an agent exchanged about a goal, or before a goal existed. */
export const conversationDto = z
  .object({
    id: id(),
    userId: id(),
    goalId: id().nullable(),
    messages: jsonArray(),
    status: text(),
    createdAt: instant(),
  })
  .register(dtoRegistry, {
    id: "ConversationDto",
    example: {
      id: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d72",
      userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      goalId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6f",
      messages: [{ role: "user", content: "I would like to run a half marathon." }],
      status: "open",
      createdAt: new Date("2026-02-14T09:30:00.123Z"),
    },
  });

export const conversationCreateDto = z
  .object({
    userId: id(),
    /** Default `null`: a conversation that began before its goal. */
    goalId: id().nullable().default(null),
    /** Default `[]`; `null` means the same, as callers of the Python service send it. */
    messages: jsonArray()
      .nullish()
      .transform((value) => value ?? []),
    /** Default `open`. */
    status: text().default("open"),
  })
  .register(dtoRegistry, {
    id: "ConversationCreateDto",
    example: {
      userId: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      goalId: "0198c5f0-7a3f-7b12-9d4e-1c2b3a495867",
      messages: [{ role: "user", content: "I want to run a half marathon." }],
      status: "open",
    },
  });

/** An absent field is kept. `messages` are replaced as a whole. */
export const conversationUpdateDto = z
  .object({
    messages: jsonArray()
      .nullable()
      .transform((value) => value ?? [])
      .optional(),
    status: text().optional(),
  })
  .register(dtoRegistry, { id: "ConversationUpdateDto", example: { status: "closed" } });

/** The most messages that one call can append. */
export const MAX_APPENDED_MESSAGES = 1_000;

export const messagesAppendDto = z
  .object({
    /** 1 to 1,000, in the order in which they were said. */
    messages: jsonArray()
      .refine((messages) => messages.length > 0, { error: "must contain at least one message" })
      .meta({ minItems: 1, maxItems: MAX_APPENDED_MESSAGES }),
  })
  .register(dtoRegistry, {
    id: "MessagesAppendDto",
    example: { messages: [{ role: "assistant", content: "How far can you run today?" }] },
  });

export const messagesAppendResult = z
  .object({
    /** How many messages the conversation has now, these included. */
    messageCount: z.int().min(0),
  })
  .register(dtoRegistry, { id: "MessagesAppendResult", example: { messageCount: 2 } });

/**
 * Parses messages to append.
 * @throws ValidationError
 */
export function validateAppend(input: unknown): z.output<typeof messagesAppendDto> {
  refuseLongList("messages", memberOf(input, "messages"), MAX_APPENDED_MESSAGES, "messages");
  return validate(messagesAppendDto, input);
}

export const conversationListRequest = listRequest({
  userId: id().optional(),
  goalId: id().optional(),
  status: filterText().optional(),
});

export type ConversationDto = z.output<typeof conversationDto>;
export type ConversationCreateDto = z.input<typeof conversationCreateDto>;
export type ConversationUpdateDto = z.input<typeof conversationUpdateDto>;
export type MessagesAppendDto = z.input<typeof messagesAppendDto>;
export type MessagesAppendResult = z.output<typeof messagesAppendResult>;
export type ConversationListRequest = z.input<typeof conversationListRequest>;

/**
 * Conversations. Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError}
 * when the database is unreachable or too slow; each method lists its other errors, and its options list theirs.
 */
export interface ConversationService {
  /** One page of conversations, newest first. */
  listConversations(request?: ConversationListRequest, options?: CallOptions): Promise<Page<ConversationDto>>;
  /** @throws NotFoundError if there is no such conversation */
  getConversation(id: string, options?: CallOptions): Promise<ConversationDto>;
  /** @throws RelatedRowMissingError if there is no such user or goal; ConflictError if a client-supplied id is taken */
  createConversation(input: ConversationCreateDto, options?: CreateOptions): Promise<ConversationDto>;
  /** @throws NotFoundError, VersionMismatchError */
  updateConversation(id: string, changes: ConversationUpdateDto, options?: WriteOptions): Promise<ConversationDto>;
  /**
   * Appends messages to the conversation, all of them or none. Concurrent appends lose nothing and do not interleave, and the
   * caller need not have read the conversation.
   * @throws NotFoundError
   */
  appendMessages(id: string, input: MessagesAppendDto, options?: CallOptions): Promise<MessagesAppendResult>;
}
