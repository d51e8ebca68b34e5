import * as z from "zod";
import type { CallOptions, CreateOptions, WriteOptions } from "./call-options.ts";
import { dtoRegistry } from "./dto-registry.ts";
import { id } from "./fields/id.ts";
import { instant } from "./fields/instant.ts";
import { jsonObject } from "./fields/json.ts";
import { email, text } from "./fields/text.ts";
import { filterText, listRequest, type Page } from "./page.ts";

const name = text({ min: 1, max: 255 });

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
    example: {
      id: "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e",
      name: "Jane Doe",
      email: "jane@example.com",
      preferences: { timezone: "America/New_York" },
      demoMode: false,
      createdAt: new Date("2026-02-14T09:30:00.123Z"),
    },
  });

export const userCreateDto = z
  .object({
    name,
    /** Unique among all users. */
    email: email(),
    /** Default `{}`; `null` means the same, as callers of the Python service send it. */
    preferences: jsonObject()
      .nullish()
      .transform((value) => value ?? {}),
    /** Default `false`. */
    demoMode: z.boolean().default(false),
  })
  .register(dtoRegistry, {
    id: "UserCreateDto",
    example: {
      name: "Jane Doe",
      email: "jane@example.com",
      preferences: { timezone: "America/New_York" },
      demoMode: false,
    },
  });

/** An absent field is kept. `preferences` are replaced as a whole. */
export const userUpdateDto = z
  .object({
    name: name.optional(),
    email: email().optional(),
    preferences: jsonObject()
      .nullable()
      .transform((value) => value ?? {})
      .optional(),
    demoMode: z.boolean().optional(),
  })
  .register(dtoRegistry, {
    id: "UserUpdateDto",
    example: { preferences: { timezone: "Europe/Berlin" } },
  });

export const userListRequest = listRequest({ email: filterText().optional() });

export type UserDto = z.output<typeof userDto>;
export type UserCreateDto = z.input<typeof userCreateDto>;
export type UserUpdateDto = z.input<typeof userUpdateDto>;
export type UserListRequest = z.input<typeof userListRequest>;

/**
 * Users. Every method throws {@link ValidationError} for input that breaks a rule and {@link UnavailableError} when the
 * database is unreachable or too slow; each method lists its other errors, and its options list theirs.
 */
export interface UserService {
  /** One page of users, newest first. */
  listUsers(request?: UserListRequest, options?: CallOptions): Promise<Page<UserDto>>;
  /** @throws NotFoundError if there is no such user */
  getUser(id: string, options?: CallOptions): Promise<UserDto>;
  /** @throws ConflictError if the e-mail address is taken */
  createUser(input: UserCreateDto, options?: CreateOptions): Promise<UserDto>;
  /** @throws NotFoundError, ConflictError if the e-mail address is taken */
  updateUser(id: string, changes: UserUpdateDto, options?: WriteOptions): Promise<UserDto>;
  /**
   * Deletes the user with all goals, milestones, tasks, conversations and demo flags.
   * @throws NotFoundError
   */
  deleteUser(id: string, options?: WriteOptions): Promise<void>;
}
