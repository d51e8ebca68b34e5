import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry, exampleCreatedAt, exampleIds } from "./dto-registry.ts";
import { anyOf, filterText } from "./fields/filters.ts";
import { type JsonArray, jsonArray } from "./fields/json.ts";
import { id, instant, text } from "./fields/scalars.ts";
import { type Count, type Page, queriesOf } from "./page.ts";

const orEmpty = (messages: JsonArray | null | undefined) => messages ?? [];

const conversationExample = {
  userId: exampleIds.user,
  goalId: exampleIds.goal,
  messages: [{ role: "user", content: "I would like to run a half marathon." }],
  status: "open",
};

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
    example: { id: exampleIds.conversation, ...conversationExample, createdAt: exampleCreatedAt },
  });

export const conversationCreateDto = z
  .object({
    userId: id(),
    /** Default `null`: a conversation that began before its goal. */
    goalId: id().nullable().default(null),
    /** Default `[]`; `null` means the same, since callers of the Python service send it. */
    messages: jsonArray().nullish().transform(orEmpty),
    /** Default `open`. */
    status: text().default("open"),
  })
  .register(dtoRegistry, { id: "ConversationCreateDto", example: conversationExample });

/** An absent field is kept. `messages` are replaced as a whole. */
export const conversationUpdateDto = z
  .object({
    messages: jsonArray().nullable().transform(orEmpty).optional(),
    status: text().optional(),
  })
  .register(dtoRegistry, { id: "ConversationUpdateDto", example: { status: "closed" } });

/** Maximum number of messages that one call appends. */
export const MAX_APPENDED_MESSAGES = 1_000;

export const messagesAppendDto = z
  .object({
    /** 1 to 1,000, in chronological order. */
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
    /** How many messages the conversation now has, including these. */
    messageCount: z.int().min(0),
  })
  .register(dtoRegistry, { id: "MessagesAppendResult", example: { messageCount: 2 } });

export const conversationQueries = queriesOf(
  {
    userId: anyOf(id()),
    goalId: anyOf(id()).nullable(),
    status: anyOf(filterText()),
  },
  [],
);

export type ConversationDto = z.output<typeof conversationDto>;
export type ConversationCreateDto = z.input<typeof conversationCreateDto>;
export type ConversationUpdateDto = z.input<typeof conversationUpdateDto>;
export type MessagesAppendDto = z.input<typeof messagesAppendDto>;
export type MessagesAppendResult = z.output<typeof messagesAppendResult>;
export type ConversationFilter = z.input<typeof conversationQueries.filter>;
export type ConversationListRequest = z.input<typeof conversationQueries.list>;
export type ConversationStreamRequest = z.input<typeof conversationQueries.stream>;

/** Conversations. {@link DaoServices} names the errors that every method can throw. */
export interface ConversationService {
  /** One page of conversations, newest first unless sorted otherwise. */
  listConversations(request?: ConversationListRequest, options?: CallOptions): Promise<Page<ConversationDto>>;
  /** Streams every conversation that matches the filter, newest first: `streamTasks` says how. */
  streamConversations(request?: ConversationStreamRequest, options?: StreamOptions): AsyncIterable<ConversationDto>;
  /** Counts the conversations that match the filter. */
  countConversations(filter?: ConversationFilter, options?: CallOptions): Promise<Count>;
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
