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
} from "../contract/conversation.ts";
import {
  type DemoFlagsDto,
  type DemoFlagsPutDto,
  type DemoFlagsService,
  demoFlagsPutDto,
} from "../contract/demo-flags.ts";
import { ValidationError } from "../contract/errors.ts";
import { parseId } from "../contract/fields/text.ts";
import { validate } from "../contract/fields/validation.ts";
import type { Page } from "../contract/page.ts";
import type { DaoServices } from "../contract/services.ts";
import {
  type UserCreateDto,
  type UserDto,
  type UserListRequest,
  type UserService,
  type UserUpdateDto,
  userCreateDto,
  userListRequest,
  userUpdateDto,
} from "../contract/user.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { runRetryable } from "../unit-of-work.ts";
import { assertFound, assertVersion, conditionalWrite, withValidId } from "./conditional-write.ts";
import { DaoGoalService, DaoMilestoneService } from "./dao-goal-service.ts";
import { DaoTaskService } from "./dao-task-service.ts";
import { validateAppend } from "./long-lists.ts";

/** Creates all six services on one session, which is a database or a unit of work. */
export function createDaoServices(session: DatabaseSession): DaoServices {
  return {
    users: new DaoUserService(session),
    goals: new DaoGoalService(session),
    milestones: new DaoMilestoneService(session),
    tasks: new DaoTaskService(session),
    conversations: new DaoConversationService(session),
    demoFlags: new DaoDemoFlagsService(session),
  };
}

const user = { name: "user", dao: (session: DatabaseSession) => session.users };

/** {@link UserService} on a database session. */
export class DaoUserService implements UserService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listUsers(request: UserListRequest = {}, options?: CallOptions): Promise<Page<UserDto>> {
    return this.#session.users.list(validate(userListRequest, request), options);
  }

  async getUser(id: string, options?: CallOptions): Promise<UserDto> {
    return assertFound("user", id, await this.#session.users.findById(parseId(id), options));
  }

  async createUser(input: UserCreateDto, options?: CreateOptions): Promise<UserDto> {
    return this.#session.users.create(validate(userCreateDto, input), withValidId(options));
  }

  async updateUser(id: string, changes: UserUpdateDto, options?: WriteOptions): Promise<UserDto> {
    const key = parseId(id);
    const valid = validate(userUpdateDto, changes);
    return conditionalWrite(this.#session, user, key, options, (users) => users.update(key, valid, options));
  }

  async deleteUser(id: string, options?: WriteOptions): Promise<void> {
    const key = parseId(id);
    await conditionalWrite(this.#session, user, key, options, (users) => users.delete(key, options));
  }
}

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

/** {@link DemoFlagsService} on a database session. */
export class DaoDemoFlagsService implements DemoFlagsService {
  readonly #session: DatabaseSession;

  /** @param session a database, or the unit of work to run in */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async getDemoFlags(userId: string, options?: CallOptions): Promise<DemoFlagsDto> {
    const id = parseId(userId, "userId");
    return assertFound("set of demo flags", id, await this.#session.demoFlags.findByUserId(id, options));
  }

  async putDemoFlags(userId: string, flags: DemoFlagsPutDto, options?: WriteOptions): Promise<DemoFlagsDto> {
    const id = parseId(userId, "userId");
    const valid = validate(demoFlagsPutDto, flags);
    if (valid.userId !== undefined && valid.userId !== id) {
      throw new ValidationError([{ path: "userId", message: "must be the user of this call, or be left out" }]);
    }
    if (options?.ifVersion === undefined) return this.#session.demoFlags.put(id, valid, options);
    return runRetryable(this.#session, options, async ({ demoFlags }) => {
      assertVersion("set of demo flags of user", id, await demoFlags.lockByUserId(id), options);
      return demoFlags.put(id, valid, options);
    });
  }
}
