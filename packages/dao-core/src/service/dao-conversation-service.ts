import type { CallOptions } from "../contract/call-options.ts";
import {
  type ConversationCreateDto,
  type ConversationDto,
  type ConversationListRequest,
  type ConversationService,
  type ConversationUpdateDto,
  conversationCreateDto,
  conversationListRequest,
  conversationUpdateDto,
} from "../contract/conversation.ts";
import { parseId } from "../contract/id.ts";
import type { Page } from "../contract/page.ts";
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { found } from "./found.ts";

/** {@link ConversationService} on a database session. */
export class DaoConversationService implements ConversationService {
  readonly #session: DatabaseSession;

  /** @param session a database, or a unit of work to work inside of */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listConversations(
    request: ConversationListRequest = {},
    options?: CallOptions,
  ): Promise<Page<ConversationDto>> {
    return this.#session.conversations.list(validate(conversationListRequest, request), options);
  }

  async getConversation(id: string, options?: CallOptions): Promise<ConversationDto> {
    return found("conversation", id, await this.#session.conversations.findById(parseId(id), options));
  }

  async createConversation(input: ConversationCreateDto, options?: CallOptions): Promise<ConversationDto> {
    return this.#session.conversations.create(validate(conversationCreateDto, input), options);
  }

  async updateConversation(
    id: string,
    changes: ConversationUpdateDto,
    options?: CallOptions,
  ): Promise<ConversationDto> {
    const valid = validate(conversationUpdateDto, changes);
    return found("conversation", id, await this.#session.conversations.update(parseId(id), valid, options));
  }
}
