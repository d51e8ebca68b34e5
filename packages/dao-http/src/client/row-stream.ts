import type { Operation } from "../api/operation.ts";
import { REMEMBERED_ROWS } from "../wire/limits.ts";
import { cursorOf, LineSplitter } from "../wire/ndjson.ts";
import { unexpectedResponse } from "./client-errors.ts";
import type { HttpCall } from "./http-call.ts";
import { parseJson, toResponseError } from "./response-error.ts";
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
  const { attempts, onCursor } = source;
  const returned = new ReturnedRows();
  let { cursor } = source;
  let call: HttpCall | undefined;
  async function* batchesAfter(start: string | undefined): AsyncGenerator<Line[], never, undefined> {
    call = await source.open(start);
    return yield* readBatches(call, source);
  }
  let batches = batchesAfter(cursor);
  try {
    for (;;) {
      let batch: Line[];
      try {
        batch = (await batches.next()).value;
      } catch (error) {
        const head = call?.head;
        call?.close();
        call = undefined;
        if (returned.isFull) throw error;
        await attempts.next(error, head);
        batches = batchesAfter(cursor);
        continue;
      }
      for (const line of batch) {
        if ("row" in line) {
          if (!returned.add(line.row)) continue;
          yield line.row;
          // The caller's time does not count.
          attempts.restart();
        } else {
          if (line.nextCursor === null) return;
          cursor = line.nextCursor;
          returned.passCursor();
          onCursor?.(cursor);
        }
      }
    }
  } finally {
    call?.close();
  }
}

type Line = { readonly row: unknown } | { readonly nextCursor: string | null };

/** The lines of a response, in batches as they arrive. It never returns: the caller recognizes the last line. */
async function* readBatches(
  call: HttpCall,
  { operation, attempts }: StreamSource,
): AsyncGenerator<Line[], never, undefined> {
  const { head } = call;
  if (head.status !== 200) throw toResponseError(await call.complete(), operation);
  const decoder = new TextDecoder();
  const toLine = (bytes: Uint8Array): Line => {
    const value = parseJson(decoder.decode(bytes));
    const nextCursor = cursorOf(value);
    return nextCursor === undefined ? { row: checkedResult(value, head, operation) } : { nextCursor };
  };
  const splitter = new LineSplitter();
  for await (const piece of call.pieces(() => attempts.timeLeft)) {
    const lines = Array.from(splitter.linesOf(piece), toLine);
    if (lines.length > 0) yield lines;
  }
  throw unexpectedResponse(head, operation.method, "a stream without its last line");
}

/**
 * The ids of the rows returned since the last cursor but one: rows may come again after it, and, if rows were created meanwhile,
 * also after the last cursor.
 */
class ReturnedRows {
  #before = new Set<unknown>();
  #since = new Set<unknown>();

  /** Whether there are more than it remembers. */
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

  passCursor(): void {
    this.#before = this.#since;
    this.#since = new Set();
  }
}
