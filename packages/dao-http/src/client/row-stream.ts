import type { Operation } from "../api/operation.ts";
import { cursorOf } from "../wire/json.ts";
import { REMEMBERED_ROWS } from "../wire/limits.ts";
import type { Connection } from "./connection.ts";
import { unexpectedResponse } from "./errors.ts";
import type { HttpCall } from "./http-call.ts";
import { type CallRequest, toQueryString } from "./request.ts";
import { checkedResult, parseJson, responseError } from "./response.ts";
import type { Attempts } from "./retry.ts";

type Line = { readonly row: unknown } | { readonly nextCursor: string | null };

/**
 * The rows of a stream. An interrupted stream is continued after the last cursor, skipping rows already returned since. It is
 * complete when the service says so, however its body ends.
 * @throws as a call does, if all attempts since the last row fail
 */
export async function* rowsOf(connection: Connection, request: CallRequest, onCursor?: (cursor: string) => void) {
  const attempts = connection.attempts(request);
  let cursor: string | undefined = Object(request.input).cursor;
  // The ids of the rows returned since the last cursor, and between the last two: rows after a cursor may come again and, if others
  // were created in the meantime, rows before it too.
  let since = new Set<unknown>();
  let before = new Set<unknown>();
  const isFull = () => since.size >= REMEMBERED_ROWS;

  /** The lines as they arrive, in any number of responses; each batch is consumed before the next is read. */
  async function* batches(): AsyncGenerator<readonly Line[], void, undefined> {
    for (;;) {
      let call: HttpCall | undefined;
      try {
        call = await open(connection, request, cursor, attempts);
        yield* batchesOf(call, request.operation, attempts);
      } catch (error) {
        if (isFull()) throw error;
        await attempts.next(error, call?.head);
      }
    }
  }

  for await (const batch of batches()) {
    for (const line of batch) {
      if ("row" in line) {
        const id: unknown = Reflect.get(Object(line.row), "id");
        const isNew = !since.has(id) && !before.has(id);
        if (!isFull()) since.add(id);
        if (!isNew) continue;
        request.signal?.throwIfAborted();
        yield line.row;
        // The caller's time does not count.
        attempts.restart();
      } else {
        if (line.nextCursor === null) return;
        cursor = line.nextCursor;
        before = since;
        since = new Set();
        onCursor?.(line.nextCursor);
      }
    }
  }
}

function open(connection: Connection, request: CallRequest, cursor: string | undefined, attempts: Attempts) {
  const { operation, input } = request;
  const parameters = { ...Object(input), cursor, cursors: true };
  const target = operation.path + toQueryString(parameters, operation.query ?? {});
  return connection.open({ ...request, target }, attempts);
}

/** The lines of one response. It always fails: {@link rowsOf} recognizes the last line. */
async function* batchesOf(call: HttpCall, operation: Operation, attempts: Attempts) {
  const { head } = call;
  const toLine = (text: string): Line => {
    const value = parseJson(text);
    const nextCursor = cursorOf(value);
    return nextCursor === undefined ? { row: checkedResult(value, head, operation) } : { nextCursor };
  };
  const decoder = new TextDecoder();
  let rest = "";
  try {
    if (head.status !== 200) throw responseError(head, await call.text(), operation);
    for await (const piece of call.pieces(() => attempts.timeout)) {
      const texts = decoder.decode(piece, { stream: true }).split("\n");
      texts[0] = `${rest}${texts[0]}`;
      rest = texts.pop() ?? "";
      const lines = texts.filter((text) => /\S/.test(text)).map(toLine);
      if (lines.length > 0) yield lines;
    }
    throw unexpectedResponse(head, operation.method, "a stream without its last line");
  } finally {
    call.close();
  }
}
