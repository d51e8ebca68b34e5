import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import {
  type ConversationCreateDto,
  type ConversationDto,
  type ConversationListRequest,
  type ConversationService,
  type ConversationUpdateDto,
  conversationCreateDto,
  conversationListRequest,
  conversationUpdateDto,
  type MessagesAppendDto,
  type MessagesAppendResult,
  validateAppend,
} from "../contract/conversation.ts";
import { parseId, withValidId } from "../contract/fields/id.ts";
import { validate } from "../contract/fields/validation.ts";
import type { Page } from "../contract/page.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { assertFound, conditionalWrite } from "./conditional-write.ts";

const conversation = { name: "conversation", dao: (session: DatabaseSession) => session.conversations };

/** {@link ConversationService} on a database session. */
export class DaoConversationService implements ConversationService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
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
    return assertFound("conversation", id, await this.#session.conversations.findById(parseId(id), options));
  }

  async createConversation(input: ConversationCreateDto, options?: CreateOptions): Promise<ConversationDto> {
    return this.#session.conversations.create(validate(conversationCreateDto, input), withValidId(options));
  }

  async updateConversation(
    id: string,
    changes: ConversationUpdateDto,
    options?: WriteOptions,
  ): Promise<ConversationDto> {
    const key = parseId(id);
    const valid = validate(conversationUpdateDto, changes);
    return conditionalWrite(this.#session, conversation, key, options, (conversations) =>
      conversations.update(key, valid, options),
    );
  }

  async appendMessages(id: string, input: MessagesAppendDto, options?: CallOptions): Promise<MessagesAppendResult> {
    const key = parseId(id);
    const messageCount = await this.#session.conversations.appendMessages(key, validateAppend(input), options);
    return { messageCount: assertFound("conversation", key, messageCount) };
  }
}
