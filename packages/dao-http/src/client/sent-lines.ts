import { ValidationError } from "@flux/dao-core/errors";
import { NDJSON_ITEMS } from "../wire/limits.ts";
import { nextChunk } from "../wire/ndjson.ts";
import type { HttpCall } from "./http-call.ts";

/** An NDJSON body that reads its items from a source as it is sent. */
export class SentLines {
  /** What the source threw; `fetch` rejects with errors of its own for it. */
  failure: { readonly error: unknown } | undefined;
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #toLine: (item: unknown) => string;
  #isDone = false;

  /** @param toLine the text of an item, without a line end */
  constructor(source: Iterable<unknown> | AsyncIterable<unknown>, toLine: (item: unknown, number: number) => string) {
    let count = 0;
    this.#iterator = iteratorOf(source);
    this.#toLine = (item) => toLine(item, count++);
  }

  /** @param call notified whether the source or the service is awaited; omitted if one time-out covers both */
  toStream(call?: Pick<HttpCall, "pause" | "expectProgress">): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    return new ReadableStream({
      pull: async (controller) => {
        try {
          call?.pause();
          const { text, isLast } = await nextChunk(this.#iterator, this.#toLine, NDJSON_ITEMS);
          if (text !== "") controller.enqueue(encoder.encode(text));
          if (isLast) {
            this.#isDone = true;
            controller.close();
          }
          call?.expectProgress();
        } catch (error) {
          this.failure = { error };
          controller.error(error);
        }
      },
      cancel: () => this.close(),
    });
  }

  /** Closes the source unless it has ended. */
  async close(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await this.#iterator.return?.();
  }
}

/** @throws ValidationError for a value that is not iterable, as in-process */
function iteratorOf(source: Iterable<unknown> | AsyncIterable<unknown>): Iterator<unknown> | AsyncIterator<unknown> {
  if (typeof source === "object" && source !== null) {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return source[Symbol.iterator]();
  }
  throw new ValidationError([{ path: "", message: "must be items in a list, or in what else can be iterated" }]);
}
