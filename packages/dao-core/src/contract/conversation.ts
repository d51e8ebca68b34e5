import * as z from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { id } from "./fields/id.ts";
import { instant } from "./fields/instant.ts";
import { jsonArray } from "./fields/json.ts";
import { text } from "./fields/text.ts";
import { memberOf, refuseLongList, validate } from "./fields/validation.ts";
import { filterText, listRequest, type Page } from "./page.ts";

/** What a user and an agent said to each other about a goal, or before there was one. */
export const conversationDto = z.object({
  id: id(),
  userId: id(),
  goalId: id().nullable(),
  messages: jsonArray(),
  status: text(),
  createdAt: instant(),
});

export const conversationCreateDto = z.object({
  userId: id(),
  /** Default `null`: a conversation that began before its goal. */
  goalId: id().nullable().default(null),
  /** Default `[]`; `null` means the same, as callers of the Python service send it. */
  messages: jsonArray()
    .nullish()
    .transform((value) => value ?? []),
  /** Default `open`. */
  status: text().default("open"),
});

/** An absent field is kept. `messages` are replaced as a whole. */
export const conversationUpdateDto = z.object({
  messages: jsonArray()
    .nullable()
    .transform((value) => value ?? [])
    .optional(),
  status: text().optional(),
});

/** The most messages that one call can append. */
export const MAX_APPENDED_MESSAGES = 1_000;

export const messagesAppendDto = z.object({
  /** 1 to 1,000, in the order in which they were said. */
  messages: jsonArray()
    .refine((messages) => messages.length > 0, { error: "must hold at least one message" })
    .meta({ minItems: 1, maxItems: MAX_APPENDED_MESSAGES }),
});

export const messagesAppendResult = z.object({
  /** How many messages the conversation has now, these included. */
  messageCount: z.int().min(0),
});

/**
 * Parses what is to be appended.
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
 * when the database cannot answer; what it throws beyond that stands at the method
 * and its options.
 */
export interface ConversationService {
  /** One page of conversations, newest first. */
  listConversations(request?: ConversationListRequest, options?: CallOptions): Promise<Page<ConversationDto>>;
  /** @throws NotFoundError if there is no such conversation */
  getConversation(id: string, options?: CallOptions): Promise<ConversationDto>;
  /** @throws RelatedRowMissingError if there is no such user or goal; ConflictError if a chosen id is taken */
  createConversation(input: ConversationCreateDto, options?: CreateOptions): Promise<ConversationDto>;
  /** @throws NotFoundError, VersionMismatchError */
  updateConversation(id: string, changes: ConversationUpdateDto, options?: WriteOptions): Promise<ConversationDto>;
  /**
   * Puts messages behind those that are there, all of them together: appenders at the same time lose none, and none of
   * theirs comes between. The caller need not know what was said before.
   * @throws NotFoundError
   */
  appendMessages(id: string, input: MessagesAppendDto, options?: CallOptions): Promise<MessagesAppendResult>;
}
