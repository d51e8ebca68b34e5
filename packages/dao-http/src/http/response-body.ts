import {
  isLongRow,
  isLongValue,
  type LongRow,
  type LongValue,
  type OpenResult,
  type RowPieces,
  type StartedOperation,
} from "@flux/dao-core";
import { cursorLine, encode, nextChunk } from "../wire/json.ts";
import { BODY_SLICE, LONG_ROW_MEMORY, NDJSON_CHUNK_MEMORY, ROWS_MEMORY } from "../wire/limits.ts";
import { ClientGoneError } from "./problem.ts";

/** The part of the response memory that a body uses. */
export interface PartMemory {
  /** Waits for room for this many bytes, which replace those held so far. */
  take(bytes: number): Promise<void>;
  /** Sets the number of bytes held, without waiting. */
  hold(bytes: number): void;
  /** Aborts when the response has ended, or its reader has disconnected. */
  readonly ended: AbortSignal;
}

/** A body of pieces produced on demand. Not a generator: one that awaits a piece is only closed once that has arrived. */
export function bodyOf(
  next: () => Promise<IteratorResult<string, undefined>>,
  leave: () => unknown,
): AsyncIterable<string> {
  const end = async () => {
    await leave();
    return { done: true as const, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}

/** The pieces of `body`, each produced within `run`; calls `ended` once, with the failure unless the reader had gone. */
export function watchedBody(
  body: AsyncIterable<string>,
  ended: (failure?: { readonly error: unknown }) => void,
  run: StartedOperation["run"] = (work) => work(),
): AsyncIterable<string> {
  const pieces = body[Symbol.asyncIterator]();
  let hasEnded = false;
  const end = (failure?: { readonly error: unknown }) => {
    if (!hasEnded) ended(failure);
    hasEnded = true;
  };
  const next = async () => {
    try {
      const piece = await run(() => pieces.next());
      if (piece.done === true) end();
      return piece;
    } catch (error) {
      end(error instanceof ClientGoneError ? undefined : { error });
      throw error;
    }
  };
  return bodyOf(next, () => {
    end();
    return pieces.return?.();
  });
}

/** The body in slices, each passed to the host with `handOn` once the previous one was sent. */
export function slicesOf(body: AsyncIterable<string>, handOn: () => void): AsyncIterable<string> {
  const parts = body[Symbol.asyncIterator]();
  let part = "";
  let sent = 0;
  const next = async () => {
    while (sent >= part.length) {
      part = "";
      const read = await parts.next();
      if (read.done === true) return read;
      part = read.value;
      sent = 0;
    }
    const start = sent;
    sent = sliceEnd(part, start);
    handOn();
    return { done: false as const, value: part.slice(start, sent) };
  };
  return bodyOf(next, () => {
    part = "";
    return parts.return?.();
  });
}

/** The end of the slice from `start`: never between the two halves of a surrogate pair. */
function sliceEnd(text: string, start: number): number {
  const end = start + BODY_SLICE;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last < 0xdc00 ? end + 1 : end;
}

/**
 * The rows as NDJSON. The first is awaited, so that an invalid request is known before the response begins.
 * @param memory where the stream reserves each chunk; its end should end the query for `rows`
 * @param cursors its `latest` is the cursor after the rows read so far, for the lines with cursors; `undefined` for rows alone
 */
export async function toNdjson(
  rows: AsyncIterable<unknown>,
  memory: PartMemory,
  cursors?: { latest?: string | undefined },
): Promise<AsyncIterable<string>> {
  const iterator = rows[Symbol.asyncIterator]();
  let first: IteratorResult<unknown> | undefined = await iterator.next();
  const nextRow = () => {
    const row = first ?? iterator.next();
    first = undefined;
    return row;
  };
  const newCursor = () => {
    const latest = cursors?.latest;
    if (cursors === undefined || latest === undefined) return "";
    cursors.latest = undefined;
    return cursorLine(latest);
  };
  let isEnded = false;
  const next = async (): Promise<IteratorResult<string, undefined>> => {
    if (isEnded) return { done: true, value: undefined };
    await memory.take(NDJSON_CHUNK_MEMORY);
    // Reading a row reports the cursor after the previous rows.
    const { text, isLast } = await nextChunk({ next: nextRow }, (row) => newCursor() + encode(row));
    isEnded = isLast;
    const chunk = isLast && cursors !== undefined ? text + newCursor() + cursorLine(null) : text;
    if (chunk.length > NDJSON_CHUNK_MEMORY / 2) memory.hold(2 * chunk.length);
    return chunk === "" ? { done: true, value: undefined } : { done: false, value: chunk };
  };
  return bodyOf(next, () => iterator.return?.());
}

/** The JSON text of a result, the same as `encode` returns for the whole result, each part read on demand. */
export async function* jsonParts(result: Exclude<OpenResult, { readonly kind: "whole" | "row" }>, memory: PartMemory) {
  switch (result.kind) {
    case "page": {
      const { items: _, ...rest } = result.page;
      yield '{"items":[';
      yield* rowParts(result.rows, memory);
      yield `],${encode(rest).slice(1)}`;
      return;
    }
    case "list":
      yield "[";
      yield* rowParts(result.rows, memory);
      yield "]";
      return;
    case "goal": {
      const { goal } = result;
      let text = "";
      for await (const part of isLongRow(goal) ? longRowParts(goal, memory) : [encode(goal[0])]) {
        yield text;
        text = part;
      }
      yield `${text.slice(0, -1)},"milestones":[`;
      yield* rowParts(result.milestones, memory);
      yield '],"tasks":[';
      yield* rowParts(result.tasks, memory);
      yield "]}";
    }
  }
}

async function* rowParts(rows: RowPieces, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  let separator = "";
  for await (const piece of whenThereIsRoom(rows, ROWS_MEMORY, memory)) {
    if (isLongRow(piece)) {
      for await (const part of longRowParts(piece, memory)) {
        yield separator + part;
        separator = "";
      }
    } else if (piece.length > 0) {
      const text = encode(piece).slice(1, -1);
      memory.hold(2 * text.length);
      yield separator + text;
    } else continue;
    separator = ",";
  }
}

async function* whenThereIsRoom<Item>(items: AsyncIterable<Item>, bytes: number, memory: PartMemory) {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      await memory.take(bytes);
      const { value, done } = await iterator.next();
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function* longRowParts(row: LongRow, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  await memory.take(LONG_ROW_MEMORY);
  const read = await row.inParts(memory.ended);
  if (read !== null) yield* longRowText(read, memory);
}

/** The JSON text of a row with long values. */
export async function* longRowText(row: object, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  let text = "";
  let separator = "{";
  for (const [name, value] of Object.entries(row)) {
    text += separator;
    separator = ",";
    if (!isLongValue(value)) {
      text += encode({ [name]: value }).slice(1, -1);
      continue;
    }
    yield text + encode({ [name]: null }).slice(1, -"null}".length);
    yield* valueParts(value, memory);
    text = "";
  }
  yield `${text}}`;
}

async function* valueParts(value: LongValue, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  if (!value.isJson) yield '"';
  if (value.text !== undefined) {
    memory.hold(value.text.length);
    yield value.text;
  } else {
    for await (const part of whenThereIsRoom(value.parts, 2 * value.partLength, memory)) {
      yield value.isJson ? part : JSON.stringify(part).slice(1, -1);
    }
  }
  if (!value.isJson) yield '"';
}
