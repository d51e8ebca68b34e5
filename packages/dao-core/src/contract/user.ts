import * as z from "zod";
import type { CallOptions, CreateOptions, StreamOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry, exampleCreatedAt, exampleIds } from "./dto-registry.ts";
import { anyOf, filterText } from "./fields/filters.ts";
import { type JsonObject, jsonObject } from "./fields/json.ts";
import { email, id, instant, text } from "./fields/scalars.ts";
import { type Count, type Page, queriesOf } from "./page.ts";

const name = text({ min: 1, max: 255 });

const orEmpty = (preferences: JsonObject | null | undefined) => preferences ?? {};

const preferences = { timezone: "America/New_York" };
const userExample = { name: "Jane Doe", email: "jane@example.com", preferences, demoMode: false };

/** A person whom the agents plan for. */
export const userDto = z
  .object({
    id: id(),
    name,
    email: email(),
    preferences: jsonObject(),
    demoMode: z.boolean(),
    createdAt: instant(),
  })
  .register(dtoRegistry, {
    id: "UserDto",
    example: { id: exampleIds.user, ...userExample, createdAt: exampleCreatedAt },
  });

export const userCreateDto = z
  .object({
    name,
    /** Unique among all users. */
    email: email(),
    /** Default `{}`; `null` means the same, since callers of the Python service send it. */
    preferences: jsonObject().nullish().transform(orEmpty),
    /** Default `false`. */
    demoMode: z.boolean().default(false),
  })
  .register(dtoRegistry, { id: "UserCreateDto", example: userExample });

/** An absent field is kept. `preferences` are replaced as a whole. */
export const userUpdateDto = z
  .object({
    name: name.optional(),
    email: email().optional(),
    preferences: jsonObject().nullable().transform(orEmpty).optional(),
    demoMode: z.boolean().optional(),
  })
  .register(dtoRegistry, { id: "UserUpdateDto", example: { preferences: { timezone: "Europe/Berlin" } } });

export const userQueries = queriesOf({ email: anyOf(filterText()) }, ["name"]);

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
