import type { CallOptions, CreateOptions, WriteOptions } from "../contract/call-options.ts";
import { parseId, withValidId } from "../contract/fields/id.ts";
import { validate } from "../contract/fields/validation.ts";
import type { Page } from "../contract/page.ts";
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
import { assertFound, conditionalWrite } from "./conditional-write.ts";

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
