import { encode } from "../wire/encode.ts";
import type { PartMemory } from "./json-parts.ts";

/** Characters that are sent at a time: few writes, and little that is held in memory. */
const CHUNK_LENGTH = 65_536;

/** Bytes that a stream holds: a chunk, and rows that were read with those of the chunk or ahead of them. */
const HELD = 262_144;

/**
 * The lines that tell a reader how far the rows before them are, and the one that says that there are no more. What has no
 * such end broke off: a body that is ended by closing (HTTP/1.0, as nginx asks its upstream by default) has no other.
 */
export class CursorLines {
  #cursor: string | undefined;

  /** Takes note of the cursor after the row that was read last. */
  readonly add = (cursor: string): void => {
    this.#cursor = cursor;
  };

  /** The line for what was noted since the last time; empty for nothing. */
  take(): string {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    return cursor === undefined ? "" : `${encode({ nextCursor: cursor })}\n`;
  }

  readonly end = `${encode({ nextCursor: null })}\n`;
}

/**
 * The rows of `rows` as NDJSON: one JSON text a line. The first is waited for, so that what is wrong with the request is
 * known before an answer begins; the others are read as they are sent.
 * @param memory what the stream holds is taken from it before each chunk is made; its end is to end a query that runs for `rows`
 * @param lines told of the cursors of `rows`, where the reader wants them; `undefined` for rows alone
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

/** By hand, since a generator that waits for a row would hear of its end only when the row is there. */
class Chunks implements AsyncIterator<string> {
  readonly #rows: AsyncIterator<unknown>;
  readonly #memory: PartMemory;
  readonly #lines: CursorLines | undefined;
  #next: IteratorResult<unknown>;
  #isEnded = false;

  constructor(
    rows: AsyncIterator<unknown>,
    first: IteratorResult<unknown>,
    memory: PartMemory,
    lines: CursorLines | undefined,
  ) {
    this.#memory = memory;
    this.#rows = rows;
    this.#next = first;
    this.#lines = lines;
  }

  async next(): Promise<IteratorResult<string>> {
    await this.#memory.take(HELD);
    let chunk = "";
    while (this.#next.done !== true && chunk.length < CHUNK_LENGTH) {
      chunk += `${encode(this.#next.value)}\n`;
      this.#next = await this.#rows.next();
      chunk += this.#lines?.take() ?? "";
    }
    if (this.#next.done === true && !this.#isEnded) {
      this.#isEnded = true;
      chunk += this.#lines?.end ?? "";
    }
    if (chunk.length > HELD / 2) this.#memory.hold(2 * chunk.length);
    return chunk === "" ? { done: true, value: undefined } : { done: false, value: chunk };
  }

  async return(): Promise<IteratorResult<string>> {
    await this.#rows.return?.();
    return { done: true, value: undefined };
  }
}
