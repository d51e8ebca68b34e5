import type { CallOptions } from "../contract/call-options.ts";
import type { Page, PageRequest } from "../contract/page.ts";
import type { TaskTimerangeRequest } from "../contract/task.ts";

/** A value that is too long to be read at once: a member of a row in the place of its text or its JSON. */
export interface LongValue {
  /** Whether the parts are JSON text; else they are text. */
  readonly isJson: boolean;
  /** All of it, where it is short enough to have been read with its row; then it is the one part. */
  readonly text: string | undefined;
  /** The most characters that a part has. */
  readonly partLength: number;
  /**
   * The parts in their order, each read when it is asked for.
   * @throws RetryableError when the row has changed since, so that they would not fit together
   */
  readonly parts: AsyncIterable<string>;
}

/** Whether a member of a row that was read in pieces is a {@link LongValue}. */
export function isLongValue(value: unknown): value is LongValue {
  return typeof value === "object" && value !== null && longValues.has(value);
}

const longValues = new WeakSet<object>();

/** Makes a {@link LongValue}, which no value of JSON can be taken for. */
export function longValue(value: LongValue): LongValue {
  longValues.add(value);
  return value;
}

/** What is read is all there: it was short. */
export interface WholeResult<Result> {
  readonly whole: Result;
}

/** A row that is longer than 512 KiB, before it is read. */
export interface LongRow {
  /** Of its text and JSON, as far as that is known before it is read. */
  readonly bytes: number;
  /**
   * The row with {@link LongValue}s in the place of JSON, and of text that is very long; `null` if it is gone.
   * @param signal cancels what is being read of it, its parts included, which may take PostgreSQL a second each
   */
  inParts(signal?: AbortSignal): Promise<object | null>;
}

/** Rows that are read when they are asked for: as many as fit into 512 KiB, or one that is longer. */
export type RowPieces = AsyncIterable<readonly object[] | LongRow>;

/** Whether a piece is a row that is to be read by itself. */
export function isLongRow(piece: readonly object[] | LongRow): piece is LongRow {
  return !Array.isArray(piece);
}

/** The tables that have lists. */
export type ListedEntity = "users" | "goals" | "milestones" | "tasks" | "conversations";

/** A page whose rows are to be read. */
export interface OpenPage {
  readonly page: Page<never>;
  readonly rows: RowPieces;
}

/** A goal, and what belongs to it, to be read. */
export interface OpenGoal {
  readonly goal: readonly object[] | LongRow;
  readonly milestones: RowPieces;
  readonly tasks: RowPieces;
}

/**
 * Reads whose memory does not depend on what the rows hold, for callers that send them on. What is short is read by one
 * statement. Which rows a page has is settled by its first statement; those that do not fit into it are read later, each as it
 * is then, and one that was deleted meanwhile is left out.
 */
export interface PieceReads {
  list(
    entity: ListedEntity,
    request: PageRequest,
    options?: CallOptions,
  ): Promise<WholeResult<Page<object>> | OpenPage>;
  /** The row; `null` if there is none. */
  find(entity: ListedEntity, id: string, options?: CallOptions): Promise<WholeResult<object> | LongRow | null>;
  /** As `EntityDao.update`; a row that is long is read after it was written, as it is then. Limits of conversations are not looked at. */
  update(
    entity: ListedEntity,
    id: string,
    changes: object,
    options?: CallOptions,
  ): Promise<WholeResult<object> | LongRow | null>;
  /** As `TaskDao.findByTimerange`; more than a thousand rows are read a thousand at a time, at most. */
  timerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<WholeResult<object[]> | RowPieces>;
  /** As `GoalDao.findWithRelations`: as of one moment where it is short; more than a thousand rows are read as those of `timerange`. */
  goal(id: string, options?: CallOptions): Promise<WholeResult<object> | OpenGoal | null>;
}
