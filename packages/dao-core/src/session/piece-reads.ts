import { createHash } from "node:crypto";
import type { CallOptions } from "../contract/call-options.ts";
import type { Page, PageRequest } from "../contract/page.ts";
import type { TaskTimerangeRequest } from "../contract/task.ts";
import { pieceOf } from "../contract/version.ts";
import { VERSION_STEP } from "./limits.ts";
import { nextTurn } from "./waiting/event-loop.ts";

/** A value that is too long to read at once; stands for the text or JSON in a row. */
export interface LongValue {
  /** Whether the parts are JSON text; else they are text. */
  readonly isJson: boolean;
  /** The whole value, if it was short enough to be read with its row; then it is the only part. */
  readonly text: string | undefined;
  /** Maximum characters of a part. */
  readonly partLength: number;
  /** In order, each read on demand. @throws RetryableError if the row has changed since, so that the parts would not match */
  readonly parts: AsyncIterable<string>;
}

const longValues = new WeakSet<object>();

/** Marks a {@link LongValue}, so that no JSON value is mistaken for one. */
export function longValue(value: LongValue): LongValue {
  longValues.add(value);
  return value;
}

/** Whether a value of a row that was read in pieces is a {@link LongValue}. */
export function isLongValue(value: unknown): value is LongValue {
  return typeof value === "object" && value !== null && longValues.has(value);
}

/** A row of more than 512 KiB, before it is read. */
export interface LongRow {
  /** Of its text and JSON, as far as known before it is read. */
  readonly bytes: number;
  /**
   * The row with {@link LongValue}s in place of JSON and of very long text; `null` if it was deleted.
   * @param signal cancels the reading of the row and its parts, each of which may take PostgreSQL a second
   */
  inParts(signal?: AbortSignal): Promise<object | null>;
}

/** Whether a piece is a row that must be read by itself. */
export function isLongRow(piece: readonly object[] | LongRow): piece is LongRow {
  return !Array.isArray(piece);
}

/** Rows that are read on demand: as many as fit into 512 KiB, or one that is longer. */
export type RowPieces = AsyncIterable<readonly object[] | LongRow>;

/** The tables that have lists. */
export type ListedEntity = "users" | "goals" | "milestones" | "tasks" | "conversations";

/** All of a result if it is small, otherwise its beginning and the rows to read. */
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
 * Reads whose memory is bounded whatever the size of the rows, for callers that forward them. Short results take one statement.
 * The first statement determines the rows of a page; those that do not fit into its result are read later, each in its state at
 * that time, and omitted if deleted by then. `null` means that there is no such row.
 */
export interface PieceReads {
  list(entity: ListedEntity, request: PageRequest, options?: CallOptions): Promise<OpenResult>;
  find(entity: ListedEntity, id: string, options?: CallOptions): Promise<OpenResult | null>;
  /** As `EntityDao.update`, without limits of conversations; a long row is read after the write, in its state at that time. */
  update(entity: ListedEntity, id: string, changes: object, options?: CallOptions): Promise<OpenResult | null>;
  /** As `TaskDao.findByTimerange`; rows are read at most a thousand at a time. */
  timerange(request: TaskTimerangeRequest, options?: CallOptions): Promise<OpenResult>;
  /** As `GoalDao.findWithRelations`: in one snapshot if it is small; otherwise read as by `timerange`. */
  goal(id: string, options?: CallOptions): Promise<OpenResult | null>;
}

/** The version of a row from {@link LongRow.inParts}, as `versionOf` its DTO; `undefined` if a value is not in memory. */
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

/** {@link pieceOf} for the value of a JSON text, in pieces. */
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

/** Splits an array into arrays of some members: a comma outside text and brackets separates two members. */
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

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
