import type { Operation } from "../api/operation.ts";
import { REMEMBERED_ROWS } from "../wire/limits.ts";
import { cursorOf, LineSplitter } from "../wire/ndjson.ts";
import { unexpectedResponse } from "./errors.ts";
import type { HttpCall } from "./http-call.ts";
import { parseJson, toResponseError } from "./problem.ts";
import { checkedResult } from "./result.ts";
import type { Attempts } from "./retry.ts";

/** What a stream is read from. */
export interface StreamSource {
  readonly operation: Operation;
  readonly attempts: Attempts;
  /** Requests the rows after `cursor`, with cursor lines. */
  readonly open: (cursor: string | undefined) => Promise<HttpCall>;
  /** Where the stream starts, if not at the beginning. */
  readonly cursor: string | undefined;
  readonly onCursor: ((cursor: string) => void) | undefined;
}

/**
 * All rows of a stream. One that breaks off is continued after the last cursor, skipping the rows already returned since. It is
 * complete when the service says so, however its body ends.
 * @throws as a call does, if all attempts since the last row fail
 */
export async function* streamRows(source: StreamSource): AsyncGenerator<unknown, void, undefined> {
  const progress = new Progress(source.cursor);
  for await (const batch of readBatches(source, progress)) {
    for (const line of batch) {
      if ("row" in line) {
        if (!progress.add(line.row)) continue;
        yield line.row;
        // The caller's time does not count.
        source.attempts.restart();
      } else {
        if (line.nextCursor === null) return;
        progress.pass(line.nextCursor);
        source.onCursor?.(line.nextCursor);
      }
    }
  }
}

type Line = { readonly row: unknown } | { readonly nextCursor: string | null };

/** The lines as they arrive, in as many responses as it takes; each batch is consumed before the next is read. */
async function* readBatches(source: StreamSource, progress: Progress): AsyncGenerator<Line[], void, undefined> {
  for (;;) {
    let call: HttpCall | undefined;
    try {
      call = await source.open(progress.cursor);
      yield* batchesOf(call, source);
    } catch (error) {
      if (progress.isFull) throw error;
      await source.attempts.next(error, call?.head);
    }
  }
}

/** The lines of one response. It always fails: the caller recognizes the last line. */
async function* batchesOf(
  call: HttpCall,
  { operation, attempts }: StreamSource,
): AsyncGenerator<Line[], never, undefined> {
  const { head } = call;
  const decoder = new TextDecoder();
  const toLine = (bytes: Uint8Array): Line => {
    const value = parseJson(decoder.decode(bytes));
    const nextCursor = cursorOf(value);
    return nextCursor === undefined ? { row: checkedResult(value, head, operation) } : { nextCursor };
  };
  const splitter = new LineSplitter();
  try {
    if (head.status !== 200) throw toResponseError(head, await call.text(), operation);
    for await (const piece of call.pieces(() => attempts.timeout)) {
      const lines = Array.from(splitter.linesOf(piece), toLine);
      if (lines.length > 0) yield lines;
    }
    throw unexpectedResponse(head, operation.method, "a stream without its last line");
  } finally {
    call.close();
  }
}

/**
 * How far a stream was read: the last cursor, and the ids of the rows returned since the last cursor but one. Rows may come again
 * after that, and, if rows were created meanwhile, also after the last cursor.
 */
class Progress {
  cursor: string | undefined;
  #before = new Set<unknown>();
  #since = new Set<unknown>();

  constructor(cursor: string | undefined) {
    this.cursor = cursor;
  }

  /** Whether there are more rows than it remembers. */
  get isFull(): boolean {
    return this.#since.size >= REMEMBERED_ROWS;
  }

  /** Whether the row is new. */
  add(row: unknown): boolean {
    const id: unknown = Reflect.get(Object(row), "id");
    const isNew = !this.#since.has(id) && !this.#before.has(id);
    if (!this.isFull) this.#since.add(id);
    return isNew;
  }

  pass(cursor: string): void {
    this.cursor = cursor;
    this.#before = this.#since;
    this.#since = new Set();
  }
}
