import type { CallOptions } from "../contract/call-options.ts";
import { NotFoundError } from "../contract/errors.ts";
import { parseId } from "../contract/id.ts";
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
import { validate } from "../contract/validation.ts";
import type { DatabaseSession } from "../session/database-session.ts";
import { found } from "./found.ts";

/** {@link UserService} on a database session. */
export class DaoUserService implements UserService {
  readonly #session: DatabaseSession;

  /** @param session a database, or a unit of work to work inside of */
  constructor(session: DatabaseSession) {
    this.#session = session;
  }

  async listUsers(request: UserListRequest = {}, options?: CallOptions): Promise<Page<UserDto>> {
    return this.#session.users.list(validate(userListRequest, request), options);
  }

  async getUser(id: string, options?: CallOptions): Promise<UserDto> {
    return found("user", id, await this.#session.users.findById(parseId(id), options));
  }

  async createUser(input: UserCreateDto, options?: CallOptions): Promise<UserDto> {
    return this.#session.users.create(validate(userCreateDto, input), options);
  }

  async updateUser(id: string, changes: UserUpdateDto, options?: CallOptions): Promise<UserDto> {
    return found("user", id, await this.#session.users.update(parseId(id), validate(userUpdateDto, changes), options));
  }

  async deleteUser(id: string, options?: CallOptions): Promise<void> {
    const isDeleted = await this.#session.users.delete(parseId(id), options);
    if (!isDeleted) throw new NotFoundError("user", id);
  }
}
