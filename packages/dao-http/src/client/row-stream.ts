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
 */
export class RowStream {
  readonly #connection: Connection;
  readonly #request: CallRequest;
  readonly #attempts: Attempts;
  #cursor: string | undefined;
  /**
   * The ids of the rows returned since the last cursor, and between the last two: rows after a cursor may come again and, if
   * others were created in the meantime, rows before it too.
   */
  #since = new Set<unknown>();
  #before = new Set<unknown>();

  constructor(connection: Connection, request: CallRequest) {
    this.#connection = connection;
    this.#request = request;
    this.#attempts = connection.attempts(request);
    this.#cursor = Object(request.input).cursor;
  }

  /** @throws as a call does, if all attempts since the last row fail */
  async *rows(onCursor: ((cursor: string) => void) | undefined): AsyncGenerator<unknown, void, undefined> {
    for await (const batch of this.#batches()) {
      for (const line of batch) {
        if ("row" in line) {
          if (!this.#isNew(line.row)) continue;
          yield line.row;
          // The caller's time does not count.
          this.#attempts.restart();
        } else {
          if (line.nextCursor === null) return;
          this.#cursor = line.nextCursor;
          this.#before = this.#since;
          this.#since = new Set();
          onCursor?.(line.nextCursor);
        }
      }
    }
  }

  /** The lines as they arrive, in any number of responses; each batch is consumed before the next is read. */
  async *#batches(): AsyncGenerator<readonly Line[], void, undefined> {
    for (;;) {
      let call: HttpCall | undefined;
      try {
        call = await this.#open();
        yield* this.#batchesOf(call);
      } catch (error) {
        if (this.#isFull) throw error;
        await this.#attempts.next(error, call?.head);
      }
    }
  }

  #open(): Promise<HttpCall> {
    const { operation, input } = this.#request;
    const parameters = { ...Object(input), cursor: this.#cursor, cursors: true };
    const target = operation.path + toQueryString(parameters, operation.query ?? {});
    return this.#connection.open({ ...this.#request, target }, this.#attempts);
  }

  /** The lines of one response. It always fails: {@link rows} recognizes the last line. */
  async *#batchesOf(call: HttpCall): AsyncGenerator<readonly Line[], never, undefined> {
    const { operation } = this.#request;
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
      for await (const piece of call.pieces(() => this.#attempts.timeout)) {
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

  /** Whether there are more rows than it remembers. */
  get #isFull(): boolean {
    return this.#since.size >= REMEMBERED_ROWS;
  }

  #isNew(row: unknown): boolean {
    const id: unknown = Reflect.get(Object(row), "id");
    const isNew = !this.#since.has(id) && !this.#before.has(id);
    if (!this.#isFull) this.#since.add(id);
    return isNew;
  }
}
