import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { described, dto, examples, rowId, withCreatedAt, withGoal, withUser } from "./fields/described.ts";
import { type JsonArray, jsonArray } from "./fields/json.ts";
import { text } from "./fields/scalars.ts";
import { anyOf, type Count, filterText, type Page, queriesOf } from "./page.ts";

const orEmpty = (messages: JsonArray | null | undefined) => messages ?? [];

const messagesExample = [{ role: "user", content: "I would like to run a half marathon." }];
const appendedExample = [{ role: "assistant", content: "How far can you run today?" }];
const messages = described(jsonArray(), "The messages, of any form, in chronological order.", messagesExample);
const status = described(text(), "How the conversation stands, as free text such as open or closed.", "open");

/** The messages that a user and an agent exchanged about a goal, or before a goal existed. */
export const conversationDto = dto(
  "ConversationDto",
  "The messages that a user and an agent exchanged about a goal, or before a goal existed.",
  z.object({
    id: rowId(examples.conversation),
    ...withUser,
    /** The goal that it is about; `null` if it began before its goal. */
    goalId: withGoal.goalId.nullable(),
    messages,
    status,
    ...withCreatedAt,
  }),
);

export const conversationCreateDto = dto(
  "ConversationCreateDto",
  "A conversation to create.",
  z.object({
    ...withUser,
    /** The goal that it is about. Default `null`: a conversation that began before its goal. */
    goalId: withGoal.goalId.nullable().default(null),
    /** The messages so far. Default `[]`; `null` means the same, since callers of the Python service send it. */
    messages: messages.nullish().transform(orEmpty),
    status: status.default("open"),
  }),
);

/** An absent field is kept. `messages` are replaced as a whole. */
export const conversationUpdateDto = dto(
  "ConversationUpdateDto",
  "Changes to a conversation. An omitted field is kept; messages are replaced as a whole.",
  z.object({ messages: messages.nullable().transform(orEmpty), status }).partial(),
  { status: "closed" },
);

/** Maximum number of messages that one call appends. */
export const MAX_APPENDED_MESSAGES = 1_000;

export const messagesAppendDto = dto(
  "MessagesAppendDto",
  "Messages to append to a conversation.",
  z.object({
    messages: described(jsonArray(), "The new messages, in chronological order.", appendedExample)
      .refine((messages) => messages.length > 0, { error: "must contain at least one message" })
      .meta({ minItems: 1, maxItems: MAX_APPENDED_MESSAGES }),
  }),
);

export const messagesAppendResult = dto(
  "MessagesAppendResult",
  "How long the conversation is now.",
  z.object({
    messageCount: described(z.int().min(0), "How many messages the conversation now has, including these.", 2),
  }),
);

export const conversationQueries = queriesOf(
  () => ({
    userId: anyOf(withUser.userId),
    goalId: anyOf(withGoal.goalId).nullable(),
    status: anyOf(filterText("How the conversations stand.", "open")),
  }),
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
