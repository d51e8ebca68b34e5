import * as z from "zod";
import type { CallOptions, StreamOptions } from "./call-options.ts";
import { described, dto, exampleOf, examples } from "./fields/described.ts";
import { id, instant } from "./fields/scalars.ts";

/** The maximum and the default number of changes on a page. */
export const MAX_CHANGES = 1_000;
const DEFAULT_CHANGES = 100;

/** What changes are of. */
export const CHANGED_ENTITIES = ["user", "goal", "milestone", "task", "conversation", "demo_flags"] as const;

/**
 * What happened to a row. `resync` concerns all rows of the entity, which were truncated, or of which changes may have been missed
 * (a trigger was gone for a while): list them again.
 */
export const CHANGE_OPERATIONS = ["created", "updated", "deleted", "resync"] as const;

/** Where a page, or a follower, starts: after a change. */
const exampleCursor = "1042-5f0c91d2ab37e684";
const changeCursor = described(
  z.string().regex(/^(?:now|start|\d{1,18}-[0-9a-f]{1,16})$/, {
    error: "must be now, start, or the cursor of a change or page, unchanged",
  }),
  "The cursor of a change, or the next_cursor of a page: the response starts after it. start: with the oldest change that is " +
    "kept. now: with the next change; the page is empty.",
  exampleCursor,
);

/** A change of a row, without its content: read the row for that. */
export const changeDto = dto(
  "ChangeDto",
  "A change of a row, without its content.",
  z.object({
    /** Where to continue after this change. Store it with the effect of the change. Opaque. */
    cursor: described(z.string(), "Where to continue after this change. Opaque.", exampleCursor),
    entity: described(z.enum(CHANGED_ENTITIES), "What the row is.", "task"),
    operation: described(
      z.enum(CHANGE_OPERATIONS),
      "What happened to the row; resync concerns all rows of the entity: list them again.",
      "updated",
    ),
    id: described(
      id(),
      "The row's id; demo flags have that of their user. null in a resync.",
      examples.task,
    ).nullable(),
    /** The user that the row belongs to; `null` in a `resync`, and for a milestone that was deleted with its goal. */
    userId: described(id(), "The user that the row belongs to; null if not known.", examples.user).nullable(),
    goalId: described(id().nullable(), "The goal of a milestone; null for other entities.", null),
    /** When the row was written, which is before the commit; not what changes are ordered by. */
    changedAt: described(instant(), "When the row was written, which is before the commit.", examples.createdAt),
  }),
);

const filters = {
  cursor: changeCursor.default("start"),
  entity: described(z.enum(CHANGED_ENTITIES), "Only changes of this entity.", "task").optional(),
  userId: described(
    id(),
    "Only changes of what belongs to this user. A resync belongs to every user.",
    examples.user,
  ).optional(),
};

/** Which changes {@link ChangeService.followChanges} follows. */
export const followChangesRequest = z.strictObject(filters);

/** Which changes {@link ChangeService.listChanges} returns. */
export const listChangesRequest = z.strictObject({
  ...filters,
  limit: described(
    z.int().min(1).max(MAX_CHANGES),
    `Changes to return, at most ${MAX_CHANGES}.`,
    DEFAULT_CHANGES,
  ).default(DEFAULT_CHANGES),
});

/** A page of changes, in their order. */
export const changePage = dto(
  "ChangePage",
  "A page of changes, in their order.",
  z.object({
    items: described(z.array(changeDto), "The changes, in their order.", [exampleOf(changeDto)]),
    /** Where to continue: after the last change that was looked at, whether or not it matched the filter. */
    nextCursor: described(z.string(), "Where to continue: after the last change that was looked at.", exampleCursor),
    /** Whether more changes were there already; the page may have fewer than `limit` all the same, or none. */
    hasNext: described(z.boolean(), "Whether more changes were there already.", false),
  }),
);

export type ChangeDto = z.output<typeof changeDto>;
export type ChangedEntity = ChangeDto["entity"];
export type ChangeOperation = ChangeDto["operation"];
export type ListChangesRequest = z.input<typeof listChangesRequest>;
export type FollowChangesRequest = z.input<typeof followChangesRequest>;
export type ChangePage = z.output<typeof changePage>;

/**
 * Every committed change of every row, by any writer, once and in order: those of one writer as it made them, a deletion before
 * those of the rows that it took along. No change is ever added before one that was returned. The database must have been migrated
 * with `changes: true`. Not within a unit of work or a batch.
 * {@link DaoServices} names the errors that every method can throw.
 */
export interface ChangeService {
  /** A page of changes after the cursor. @throws CursorExpiredError; ChangesDisabledError */
  listChanges(request?: ListChangesRequest, options?: CallOptions): Promise<ChangePage>;
  /**
   * Yields changes after the cursor as they are committed, without end. While there is none it holds no connection. It ends when
   * the database is closed, or the loop is left. To continue, save the `cursor` of the last change whose effect is done, or what
   * `onCursor` was called with, which also moves while no change matches the filter.
   *
   * ```ts
   * for await (const change of services.changes.followChanges({ cursor, entity: "task" }, { signal })) {
   *   await db.transaction(async (uow) => …); // the effect, and change.cursor
   * }
   * ```
   * @throws CursorExpiredError; ChangesDisabledError; the signal's reason
   */
  followChanges(request?: FollowChangesRequest, options?: StreamOptions): AsyncIterable<ChangeDto>;
}
