import { BODY_SLICE } from "../wire/limits.ts";

/** Receives the progress of a body while it is sent. */
export interface BodyShare {
  handedOn(): void;
  release(): void;
}

/**
 * A body in slices, each handed to the host when the previous one was sent: the host holds little of it, and a reader that
 * takes nothing shows. Not a generator: one that waits for a part is only told of its end when the part is there.
 */
export function unsentBody(body: AsyncIterable<string>, share: BodyShare): AsyncIterable<string> {
  return { [Symbol.asyncIterator]: () => new Slices(body[Symbol.asyncIterator](), share) };
}

class Slices implements AsyncIterator<string> {
  readonly #parts: AsyncIterator<string>;
  readonly #share: BodyShare;
  #part = "";
  #sent = 0;

  constructor(parts: AsyncIterator<string>, share: BodyShare) {
    this.#parts = parts;
    this.#share = share;
  }

  async next(): Promise<IteratorResult<string>> {
    try {
      while (this.#sent >= this.#part.length) {
        this.#part = "";
        const { value, done } = await this.#parts.next();
        if (done === true) {
          this.#share.release();
          return { done: true, value: undefined };
        }
        this.#part = value;
        this.#sent = 0;
      }
    } catch (error) {
      this.#share.release();
      throw error;
    }
    const start = this.#sent;
    this.#sent = sliceEnd(this.#part, start);
    this.#share.handedOn();
    return { done: false, value: this.#part.slice(start, this.#sent) };
  }

  async return(): Promise<IteratorResult<string>> {
    this.#part = "";
    this.#share.release();
    await this.#parts.return?.();
    return { done: true, value: undefined };
  }
}

/** The end of the slice from `start`: never between the two halves of a surrogate pair. */
function sliceEnd(text: string, start: number): number {
  const end = start + BODY_SLICE;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last < 0xdc00 ? end + 1 : end;
}
