import { encode } from "../wire/json.ts";
import { NDJSON_CHUNK_MEMORY } from "../wire/limits.ts";
import { cursorLine, nextChunk } from "../wire/ndjson.ts";
import type { PartMemory } from "./json-parts.ts";

/** The cursor lines of a stream. */
export class CursorLines {
  #cursor: string | undefined;

  /** Records the cursor after the row that was read last. */
  readonly add = (cursor: string): void => {
    this.#cursor = cursor;
  };

  /** The line for the last recorded cursor; empty for none since the last call. */
  take(): string {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    return cursor === undefined ? "" : cursorLine(cursor);
  }

  readonly end = cursorLine(null);
}

/**
 * The rows as NDJSON. The first is awaited, so that an invalid request is known before the response begins; the others are
 * read as they are sent.
 * @param memory the stream takes what it holds from it before each chunk; its end should end the query behind `rows`
 * @param lines receives the cursors of `rows`; `undefined` for rows alone
 */
export async function toNdjson(
  rows: AsyncIterable<unknown>,
  memory: PartMemory,
  lines?: CursorLines,
): Promise<AsyncIterable<string>> {
  const iterator = rows[Symbol.asyncIterator]();
  let first: IteratorResult<unknown> | undefined = await iterator.next();
  const nextRow = () => {
    const row = first ?? iterator.next();
    first = undefined;
    return row;
  };
  // The reading of a row reports the cursor after the rows before it.
  const lineOf = (row: unknown) => (lines === undefined ? encode(row) : lines.take() + encode(row));
  let isEnded = false;
  const next = async (): Promise<IteratorResult<string>> => {
    if (isEnded) return { done: true, value: undefined };
    await memory.take(NDJSON_CHUNK_MEMORY);
    const { text, isLast } = await nextChunk({ next: nextRow }, lineOf);
    isEnded = isLast;
    const chunk = isLast && lines !== undefined ? text + lines.take() + lines.end : text;
    if (chunk.length > NDJSON_CHUNK_MEMORY / 2) memory.hold(2 * chunk.length);
    return chunk === "" ? { done: true, value: undefined } : { done: false, value: chunk };
  };
  // Not a generator: one that waits for a row is only told of its end when the row is there.
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}
