import { encode } from "./wire/encode.ts";

/** Characters that are sent at a time: few writes, and little that is held in memory. */
const CHUNK_LENGTH = 65_536;

/**
 * The rows of `rows` as NDJSON: one JSON text a line. The first is waited for, so that what is wrong with the request is
 * known before an answer begins; the others are read as they are sent.
 * @param stop called when nobody wants the rest; a query that runs then ends
 */
export async function toNdjson(rows: AsyncIterable<unknown>, stop: () => void): Promise<AsyncIterable<string>> {
  const iterator = rows[Symbol.asyncIterator]();
  const first = await iterator.next();
  return { [Symbol.asyncIterator]: () => new Chunks(iterator, first, stop) };
}

/** By hand, since a generator that waits for a row would hear of its end only when the row is there. */
class Chunks implements AsyncIterator<string> {
  readonly #rows: AsyncIterator<unknown>;
  readonly #stop: () => void;
  #next: IteratorResult<unknown>;

  constructor(rows: AsyncIterator<unknown>, first: IteratorResult<unknown>, stop: () => void) {
    this.#rows = rows;
    this.#next = first;
    this.#stop = stop;
  }

  async next(): Promise<IteratorResult<string>> {
    let chunk = "";
    while (this.#next.done !== true && chunk.length < CHUNK_LENGTH) {
      chunk += `${encode(this.#next.value)}\n`;
      this.#next = await this.#rows.next();
    }
    return chunk === "" ? { done: true, value: undefined } : { done: false, value: chunk };
  }

  async return(): Promise<IteratorResult<string>> {
    this.#stop();
    await this.#rows.return?.();
    return { done: true, value: undefined };
  }
}
