import { parseJson } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { foreignAnswer } from "./foreign-answer.ts";
import { linesOf } from "./ndjson.ts";
import { toResponseError } from "./response-error.ts";
import { type ClientOperation, checkedResult } from "./result.ts";
import type { Attempts } from "./retry.ts";

/** How a stream is asked for. */
export interface StreamSource {
  readonly operation: ClientOperation;
  readonly attempts: Attempts;
  /** Sends the request for the rows after `cursor`, with lines between them that have cursors. */
  readonly open: (cursor: string | undefined) => Promise<Exchange>;
  /** Where the caller wants it to begin. */
  readonly cursor: string | undefined;
  readonly onCursor: ((cursor: string) => void) | undefined;
}

/**
 * All rows of a stream. One that breaks off is asked for again after the last cursor that came, and what the caller has had
 * since is left out. It is whole when the service says so, however its body ends.
 * @throws as a call does, when every attempt since the last row has failed
 */
export async function* streamRows(source: StreamSource): AsyncGenerator<unknown, void, undefined> {
  const { attempts, onCursor } = source;
  const returned = new ReturnedRows();
  let { cursor } = source;
  let exchange: Exchange | undefined;
  async function* batchesAfter(start: string | undefined): AsyncGenerator<Line[], never, undefined> {
    exchange = await source.open(start);
    return yield* readBatches(exchange, source);
  }
  let batches = batchesAfter(cursor);
  try {
    for (;;) {
      let batch: Line[];
      try {
        batch = (await batches.next()).value;
      } catch (error) {
        const failed = exchange;
        exchange = undefined;
        failed?.close();
        if (returned.isFull) throw error;
        await attempts.next(error, failed?.head);
        batches = batchesAfter(cursor);
        continue;
      }
      for (const line of batch) {
        if ("row" in line) {
          if (!returned.add(line.row)) continue;
          yield line.row;
          // What the caller does with a row is the caller's time.
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
    exchange?.close();
  }
}

type Line = { readonly row: unknown } | { readonly nextCursor: string | null };

/** The lines of an answer, as many at a time as came together. It never just ends: the last line is for the caller to know. */
async function* readBatches(
  exchange: Exchange,
  { operation, attempts }: StreamSource,
): AsyncGenerator<Line[], never, undefined> {
  const { head } = exchange;
  if (head.status !== 200) throw toResponseError(await exchange.answer(), operation);
  const toLine = (text: string): Line => {
    const value = parseJson(text);
    if (typeof value === "object" && value !== null && "next_cursor" in value) {
      const { next_cursor: nextCursor } = value;
      if (typeof nextCursor === "string" || nextCursor === null) return { nextCursor };
    }
    return { row: checkedResult(value, head, operation) };
  };
  for await (const lines of linesOf(exchange.pieces(() => attempts.timeLeft))) yield lines.map(toLine);
  throw foreignAnswer(head, operation.method, "a stream without its last line");
}

/** Rows to remember where no cursor comes; of more it cannot be told which have been returned. */
const MAX_REMEMBERED = 10_000;

/**
 * The ids of the rows that were returned since the cursor before the last: after it they may come again, and, where rows were
 * created meanwhile, after the last one too.
 */
class ReturnedRows {
  #before = new Set<unknown>();
  #since = new Set<unknown>();

  /** Whether they are more than are remembered. */
  get isFull(): boolean {
    return this.#since.size >= MAX_REMEMBERED;
  }

  /** Whether the row was not there yet. */
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
