import { ValidationError } from "@flux/dao-core/errors";
import type { Exchange } from "./exchange.ts";

/** The lines of text, as many at a time as a piece completes. What follows the last line's end is none. */
export async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string[], void, undefined> {
  let begun = "";
  for await (const piece of pieces) {
    // Searched by themselves: a long line would be read again for each of its pieces.
    const [end = "", ...lines] = piece.split("\n");
    begun += end;
    const last = lines.pop();
    if (last === undefined) continue;
    yield [begun, ...lines];
    begun = last;
  }
}

/** @throws ValidationError for what cannot be iterated, as in-process */
function iteratorOf(source: Iterable<unknown> | AsyncIterable<unknown>): Iterator<unknown> | AsyncIterator<unknown> {
  const given: unknown = source;
  if (typeof given === "object" && given !== null) {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return source[Symbol.iterator]();
  }
  throw new ValidationError([{ path: "", message: "must be items in a list, or in what else can be iterated" }]);
}

/** Items that are sent at a time, or characters, beyond which there are no more items. */
const BATCH_SIZE = 200;
const BATCH_LENGTH = 65_536;

/** A body that is made of a source, item by item, as it is sent. */
export class SentLines {
  /** What the source threw; `fetch` has errors of its own for that. */
  failure: { readonly error: unknown } | undefined;
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #toLine: (item: unknown, number: number) => string;
  #count = 0;
  #isDone = false;

  /** @param toLine the text of an item, without a line's end */
  constructor(source: Iterable<unknown> | AsyncIterable<unknown>, toLine: (item: unknown, number: number) => string) {
    this.#iterator = iteratorOf(source);
    this.#toLine = toLine;
  }

  /** @param exchange told when the source is waited for, and when the service is; left out where it has a time for all of it */
  toStream(exchange?: Pick<Exchange, "pause" | "expectProgress">): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    return new ReadableStream({
      pull: async (controller) => {
        try {
          exchange?.pause();
          const text = await this.#nextLines();
          if (text !== "") controller.enqueue(encoder.encode(text));
          if (this.#isDone) controller.close();
          exchange?.expectProgress();
        } catch (error) {
          this.failure = { error };
          controller.error(error);
        }
      },
      cancel: () => this.close(),
    });
  }

  /** Lets the source go, if it has not come to its end. */
  async close(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await this.#iterator.return?.();
  }

  async #nextLines(): Promise<string> {
    let text = "";
    for (let lines = 0; lines < BATCH_SIZE && text.length < BATCH_LENGTH && !this.#isDone; lines++) {
      const { done, value } = await this.#iterator.next();
      if (done === true) this.#isDone = true;
      else text += `${this.#toLine(value, this.#count++)}\n`;
    }
    return text;
  }
}
