import { encode } from "./json.ts";
import { NDJSON_CHUNK } from "./limits.ts";

/** NDJSON: one JSON text a line. The format uses this media type, which is not registered. */
export const NDJSON = "application/x-ndjson";

/** The line after the rows of a stream up to this cursor; `null` is the end, which a body over HTTP/1.0 does not show otherwise. */
export function cursorLine(nextCursor: string | null): string {
  return `${encode({ nextCursor })}\n`;
}

/** The cursor of a cursor line; `undefined` for a row. */
export function cursorOf(line: unknown): string | null | undefined {
  const cursor: unknown = typeof line === "object" && line !== null ? Reflect.get(line, "next_cursor") : undefined;
  return typeof cursor === "string" || cursor === null ? cursor : undefined;
}

/** The lines of the next items: as many as fit into a chunk, at most `maxItems`. */
export async function nextChunk(
  items: { next(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> },
  toLine: (item: unknown) => string,
  maxItems = Number.POSITIVE_INFINITY,
): Promise<{ readonly text: string; readonly isLast: boolean }> {
  let text = "";
  for (let count = 0; count < maxItems && text.length < NDJSON_CHUNK; count++) {
    const { done, value } = await items.next();
    if (done === true) return { text, isLast: true };
    text += `${toLine(value)}\n`;
  }
  return { text, isLast: false };
}

/** Joins pieces of bytes as they arrive. A list of chunks of one byte would retain the network packet of each. */
export class CollectedBytes {
  #bytes: Uint8Array = new Uint8Array();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    // Usually there is one piece, which needs no copy. It has no spare room, so later pieces are never written into it.
    if (this.#length === 0) this.#bytes = piece;
    else {
      if (length > this.#bytes.length) {
        const larger = new Uint8Array(2 * length);
        larger.set(this.#bytes);
        this.#bytes = larger;
      }
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  /** All bytes so far; starts again with the next piece. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array();
    this.#length = 0;
    return bytes;
  }
}

const LINE_FEED = 0x0a;

/** Splits a body into lines. White space before a line is skipped, and blank lines with it, without a turn of the event loop. */
export class LineSplitter {
  readonly #checkLength: (bytes: number) => void;
  readonly #line = new CollectedBytes();

  /** @param checkLength throws for a line that is too long; called as it grows */
  constructor(checkLength: (bytes: number) => void = () => undefined) {
    this.#checkLength = checkLength;
  }

  /** The lines that `chunk` completes, without their ends. */
  *linesOf(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    const line = this.#line;
    for (let from = 0; from < chunk.length; ) {
      if (line.length === 0) from = endOfWhiteSpace(chunk, from);
      const end = chunk.indexOf(LINE_FEED, from);
      const piece = chunk.subarray(from, end === -1 ? undefined : end);
      this.#checkLength(line.length + piece.length);
      line.append(piece);
      if (end === -1) return;
      yield line.take();
      from = end + 1;
    }
  }

  /** What follows the last line end; empty for nothing. */
  rest(): Uint8Array {
    return this.#line.take();
  }
}

/** The index of the first byte that is not white space in JSON. */
function endOfWhiteSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let byte = bytes[at]; byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LINE_FEED; byte = bytes[at])
    at++;
  return at;
}
