import type { UserCreateDto, UserDto, UserListRequest, UserUpdateDto } from "../contract/user.ts";
import { users } from "../schema/tables.ts";
import type { UserDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { EntityStatements, TableDao } from "./table-dao.ts";

/** The statements on users, shared with the reads in pieces. */
export const userStatements = new EntityStatements<UserDto>(users);

/** Users by SQL. */
export class SqlUserDao extends TableDao<UserDto, UserCreateDto, UserUpdateDto, UserListRequest> implements UserDao {
  constructor(executor: SqlExecutor) {
    super(executor, userStatements);
  }
}
