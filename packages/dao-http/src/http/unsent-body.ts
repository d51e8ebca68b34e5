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
  return {
    [Symbol.asyncIterator]() {
      const parts = body[Symbol.asyncIterator]();
      let part = "";
      let sent = 0;
      return {
        async next() {
          try {
            while (sent >= part.length) {
              part = "";
              const { value, done } = await parts.next();
              if (done === true) {
                share.release();
                return { done, value: undefined };
              }
              part = value;
              sent = 0;
            }
          } catch (error) {
            share.release();
            throw error;
          }
          const start = sent;
          sent = sliceEnd(part, start);
          share.handedOn();
          return { done: false, value: part.slice(start, sent) };
        },
        async return() {
          part = "";
          share.release();
          await parts.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** The end of the slice from `start`: never between the two halves of a surrogate pair. */
function sliceEnd(text: string, start: number): number {
  const end = start + BODY_SLICE;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last < 0xdc00 ? end + 1 : end;
}
