import { BODY_SLICE } from "../wire/limits.ts";

/**
 * A body of pieces that are produced when they are asked for. Not a generator: one that waits for a piece is only told of its
 * end when the piece is there.
 * @param leave called when the rest is not needed
 */
export function bodyOf(
  next: () => Promise<IteratorResult<string, undefined>>,
  leave: () => unknown,
): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        await leave();
        return { done: true, value: undefined };
      },
    }),
  };
}

/**
 * The pieces of `body`. `ended` is called once, with what it failed with if it failed: by then the status has been sent. A
 * reader that leaves ends the body without a failure.
 */
export function watchedBody(
  body: AsyncIterable<string>,
  ended: (failure?: { readonly error: unknown }) => void,
): AsyncIterable<string> {
  const pieces = body[Symbol.asyncIterator]();
  let hasEnded = false;
  const end = (failure?: { readonly error: unknown }) => {
    if (!hasEnded) ended(failure);
    hasEnded = true;
  };
  const next = async () => {
    try {
      const piece = await pieces.next();
      if (piece.done === true) end();
      return piece;
    } catch (error) {
      end({ error });
      throw error;
    }
  };
  return bodyOf(next, () => {
    end();
    return pieces.return?.();
  });
}

/** Receives the progress of a body while it is sent. */
export interface BodyShare {
  handedOn(): void;
  release(): void;
}

/**
 * A body in slices, each handed to the host when the previous one was sent: the host holds little of it, and a reader that
 * takes nothing shows.
 */
export function unsentBody(body: AsyncIterable<string>, share: BodyShare): AsyncIterable<string> {
  const parts = body[Symbol.asyncIterator]();
  let part = "";
  let sent = 0;
  const next = async () => {
    while (sent >= part.length) {
      part = "";
      const read = await parts.next();
      if (read.done === true) return read;
      part = read.value;
      sent = 0;
    }
    const start = sent;
    sent = sliceEnd(part, start);
    share.handedOn();
    return { done: false as const, value: part.slice(start, sent) };
  };
  return watchedBody(
    bodyOf(next, () => {
      part = "";
      return parts.return?.();
    }),
    () => share.release(),
  );
}

/** The end of the slice from `start`: never between the two halves of a surrogate pair. */
function sliceEnd(text: string, start: number): number {
  const end = start + BODY_SLICE;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last < 0xdc00 ? end + 1 : end;
}
