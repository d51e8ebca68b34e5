import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { described, dto, examples, rowId, withCreatedAt } from "./fields/described.ts";
import { type JsonObject, jsonObject } from "./fields/json.ts";
import { email, text } from "./fields/scalars.ts";
import { anyOf, type Count, filterText, type Page, queriesOf } from "./page.ts";

const orEmpty = (preferences: JsonObject | null | undefined) => preferences ?? {};

const fields = {
  name: described(text({ min: 1, max: 255 }), "The full name.", "Jane Doe"),
  email: described(email(), "The e-mail address, unique among all users.", "jane@example.com"),
  preferences: described(jsonObject(), "Settings of the user, of any form.", { timezone: "America/New_York" }),
  demoMode: described(z.boolean(), "Whether the user takes part in a demonstration: see demo flags.", false),
};

/** A person whom the agents plan for. */
export const userDto = dto(
  "UserDto",
  "A person whom the agents plan for.",
  z.object({ id: rowId(examples.user), ...fields, ...withCreatedAt }),
);

export const userCreateDto = dto(
  "UserCreateDto",
  "A user to create.",
  z.object({
    ...fields,
    /** Settings of the user, of any form. Default `{}`; `null` means the same, since callers of the Python service send it. */
    preferences: fields.preferences.nullish().transform(orEmpty),
    demoMode: fields.demoMode.default(false),
  }),
);

/** An absent field is kept. `preferences` are replaced as a whole. */
export const userUpdateDto = dto(
  "UserUpdateDto",
  "Changes to a user. An omitted field is kept; preferences are replaced as a whole.",
  z.object({ ...fields, preferences: fields.preferences.nullable().transform(orEmpty) }).partial(),
  { preferences: { timezone: "Europe/Berlin" } },
);

export const userQueries = queriesOf(
  () => ({ email: anyOf(filterText("The e-mail address, exactly as stored.", "jane@example.com")) }),
  ["name"],
);

export type UserDto = z.output<typeof userDto>;
export type UserCreateDto = z.input<typeof userCreateDto>;
export type UserUpdateDto = z.input<typeof userUpdateDto>;
export type UserFilter = z.input<typeof userQueries.filter>;
export type UserListRequest = z.input<typeof userQueries.list>;
export type UserStreamRequest = z.input<typeof userQueries.stream>;

/** Users. {@link DaoServices} names the errors that every method can throw. */
export interface UserService {
  /** One page of users, newest first unless sorted otherwise. */
  listUsers(request?: UserListRequest, options?: CallOptions): Promise<Page<UserDto>>;
  /** Streams every user that matches the filter, newest first: `streamTasks` says how. */
  streamUsers(request?: UserStreamRequest, options?: StreamOptions): AsyncIterable<UserDto>;
  /** Counts the users that match the filter. */
  countUsers(filter?: UserFilter, options?: CallOptions): Promise<Count>;
  /** @throws NotFoundError if there is no such user */
  getUser(id: string, options?: CallOptions): Promise<UserDto>;
  /** @throws ConflictError if the e-mail address is taken */
  createUser(input: UserCreateDto, options?: CreateOptions): Promise<UserDto>;
  /** @throws NotFoundError, ConflictError if the e-mail address is taken */
  updateUser(id: string, changes: UserUpdateDto, options?: WriteOptions): Promise<UserDto>;
  /** Deletes the user with all goals, milestones, tasks, conversations and demo flags. @throws NotFoundError */
  deleteUser(id: string, options?: WriteOptions): Promise<void>;
}
