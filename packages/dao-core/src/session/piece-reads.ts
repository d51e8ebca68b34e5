import { createHash } from "node:crypto";
import type { CallOptions } from "../contract/call-options.ts";
import type { Page, PageRequest } from "../contract/page.ts";
import type { TaskTimerangeRequest } from "../contract/task.ts";
import { pieceOf } from "../contract/version.ts";
import { VERSION_STEP } from "./limits.ts";
import { nextTurn } from "./waiting/event-loop.ts";

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

const longValues = new WeakSet<object>();

/** Makes a {@link LongValue}, which no value of JSON can be taken for. */
export function longValue(value: LongValue): LongValue {
  longValues.add(value);
  return value;
}

/** Whether a member of a row that was read in pieces is a {@link LongValue}. */
export function isLongValue(value: unknown): value is LongValue {
  return typeof value === "object" && value !== null && longValues.has(value);
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

/** Whether a piece is a row that is to be read by itself. */
export function isLongRow(piece: readonly object[] | LongRow): piece is LongRow {
  return !Array.isArray(piece);
}

/** Rows that are read when they are asked for: as many as fit into 512 KiB, or one that is longer. */
export type RowPieces = AsyncIterable<readonly object[] | LongRow>;

/** The tables that have lists. */
export type ListedEntity = "users" | "goals" | "milestones" | "tasks" | "conversations";

/** The result of a read in pieces: all of it if it is small, otherwise what the caller sends first, and the rows to read. */
export type OpenResult =
  | { readonly kind: "whole"; readonly result: unknown }
  | { readonly kind: "page"; readonly page: Page<never>; readonly rows: RowPieces }
  | { readonly kind: "list"; readonly rows: RowPieces }
  | { readonly kind: "row"; readonly row: LongRow }
  | {
      readonly kind: "goal";
      readonly goal: readonly object[] | LongRow;
      readonly milestones: RowPieces;
      readonly tasks: RowPieces;
    };

/**
 * Reads whose memory does not depend on what the rows hold, for callers that send them on. What is short is read by one
 * statement. Which rows a page has is settled by its first statement; those that do not fit into it are read later, each as it
 * is then, and one that was deleted meanwhile is left out. `null` means that there is no such row.
 */
export interface PieceReads {
  list(entity: ListedEntity, request: PageRequest, options?: CallOptions): Promise<OpenResult>;
  find(entity: ListedEntity, id: string, options?: CallOptions): Promise<OpenResult | null>;
  /** As `EntityDao.update`; a row that is long is read after it was written, as it is then. Limits of conversations are not looked at. */
  update(entity: ListedEntity, id: string, changes: object, options?: CallOptions): Promise<OpenResult | null>;
  /** As `TaskDao.findByTimerange`; more than a thousand rows are read a thousand at a time, at most. */
  timerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<OpenResult>;
  /** As `GoalDao.findWithRelations`: as of one moment where it is short; more than a thousand rows are read as those of `timerange`. */
  goal(id: string, options?: CallOptions): Promise<OpenResult | null>;
}

/**
 * The version of a row as {@link LongRow.inParts} returns it, the same as `versionOf` its DTO; `undefined` where a value of it
 * is not in memory. It takes a turn of the event loop for each step, so that others are served meanwhile.
 */
export async function longRowVersion(row: object): Promise<string | undefined> {
  const digest = createHash("sha256");
  for (const value of Object.values(row)) {
    if (!isLongValue(value)) digest.update(pieceOf(value));
    else if (value.text === undefined) return undefined;
    else for await (const piece of versionPieces(value.text)) digest.update(piece);
    digest.update(",");
  }
  return digest.digest("hex").slice(0, 32);
}

/** What {@link pieceOf} makes of the value that a JSON text has, in pieces. */
async function* versionPieces(json: string): AsyncGenerator<string, void, undefined> {
  if (!json.startsWith("[")) {
    yield pieceOf(JSON.parse(json));
    return;
  }
  let separator = "[";
  for (const members of membersOf(json)) {
    await nextTurn();
    yield separator + JSON.stringify(JSON.parse(members)).slice(1, -1);
    separator = ",";
  }
  yield "]";
}

/** An array's members as arrays of some of them: what of JSON is not within text or brackets is between two members. */
function* membersOf(json: string): Generator<string, void, undefined> {
  let start = 1;
  let depth = 0;
  let isText = false;
  for (let at = 1; at < json.length - 1; at++) {
    const code = json.charCodeAt(at);
    if (isText) {
      if (code === BACKSLASH) at++;
      else isText = code !== QUOTE;
    } else if (code === QUOTE) isText = true;
    else if (code === 0x5b || code === 0x7b) depth++;
    else if (code === 0x5d || code === 0x7d) depth--;
    else if (code === COMMA && depth === 0 && at - start >= VERSION_STEP) {
      yield `[${json.slice(start, at)}]`;
      start = at + 1;
    }
  }
  yield `[${json.slice(start, -1)}]`;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
