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
 * @param stop called when the rest is not needed; a query that runs then ends
 * @param memory the stream takes what it holds from it before each chunk
 * @param lines receives the cursors of `rows`; `undefined` for rows alone
 */
export async function toNdjson(
  rows: AsyncIterable<unknown>,
  memory: PartMemory,
  lines?: CursorLines,
): Promise<AsyncIterable<string>> {
  const iterator = rows[Symbol.asyncIterator]();
  const first = await iterator.next();
  return { [Symbol.asyncIterator]: () => new Chunks(iterator, first, memory, lines) };
}

/** Not a generator: one that waits for a row is only told of its end when the row is there. */
class Chunks implements AsyncIterator<string> {
  readonly #rows: AsyncIterator<unknown>;
  readonly #memory: PartMemory;
  readonly #lines: CursorLines | undefined;
  #first: IteratorResult<unknown> | undefined;
  #isEnded = false;

  constructor(
    rows: AsyncIterator<unknown>,
    first: IteratorResult<unknown>,
    memory: PartMemory,
    lines: CursorLines | undefined,
  ) {
    this.#memory = memory;
    this.#rows = rows;
    this.#first = first;
    this.#stop = stop;
    this.#lines = lines;
  }

  async next(): Promise<IteratorResult<string>> {
    if (this.#isEnded) return { done: true, value: undefined };
    await this.#memory.take(NDJSON_CHUNK_MEMORY);
    const { text, isLast } = await nextChunk({ next: () => this.#nextRow() }, (row) => this.#lineOf(row));
    if (!isLast) return { done: false, value: text };
    this.#isEnded = true;
    const chunk = this.#lines === undefined ? text : text + this.#lines.take() + this.#lines.end;
    return chunk === "" ? { done: true, value: undefined } : { done: false, value: chunk };
  }

  #nextRow(): Promise<IteratorResult<unknown>> | IteratorResult<unknown> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#rows.next();
  }

  /** The row's line, after that of the cursor which its reading has reported for the rows before. */
  #lineOf(row: unknown): string {
    return this.#lines === undefined ? encode(row) : this.#lines.take() + encode(row);
  }

  async return(): Promise<IteratorResult<string>> {
    await this.#rows.return?.();
    return { done: true, value: undefined };
  }
}
