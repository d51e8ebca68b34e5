import { z } from "zod";
import type { CallOptions } from "./call-options.ts";
import { id } from "./id.ts";
import { instant } from "./instant.ts";
import { jsonArray } from "./json.ts";
import { listRequest, type Page } from "./page.ts";
import { text } from "./text.ts";

/** What a user and an agent said to each other about a goal. */
export const conversationDto = z.object({
  id: id(),
  userId: id(),
  goalId: id(),
  messages: jsonArray(),
  status: text(),
  createdAt: instant(),
});

export const conversationCreateDto = z.object({
  userId: id(),
  goalId: id(),
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

export const conversationListRequest = listRequest({
  userId: id().optional(),
  goalId: id().optional(),
  status: text().optional(),
});

export type ConversationDto = z.output<typeof conversationDto>;
export type ConversationCreateDto = z.input<typeof conversationCreateDto>;
export type ConversationUpdateDto = z.input<typeof conversationUpdateDto>;
export type ConversationListRequest = z.input<typeof conversationListRequest>;

/**
 * Conversations. Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError}
 * when the database cannot answer; what it throws beyond that stands at the method.
 */
export interface ConversationService {
  /** One page of conversations, newest first. */
  listConversations(request?: ConversationListRequest, options?: CallOptions): Promise<Page<ConversationDto>>;
  /** @throws NotFoundError if there is no such conversation */
  getConversation(id: string, options?: CallOptions): Promise<ConversationDto>;
  /** @throws RelatedRowMissingError if there is no such user or goal */
  createConversation(input: ConversationCreateDto, options?: CallOptions): Promise<ConversationDto>;
  /** @throws NotFoundError */
  updateConversation(id: string, changes: ConversationUpdateDto, options?: CallOptions): Promise<ConversationDto>;
}
