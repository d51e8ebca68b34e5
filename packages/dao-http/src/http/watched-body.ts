/**
 * The pieces of `body`, with `onFailure` told when one cannot be had: by then the status has been sent. What ends because
 * the reader has gone is no failure.
 */
export function watchedBody(body: AsyncIterable<string>, onFailure: (error: unknown) => void): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      let isLeft = false;
      return {
        async next() {
          try {
            return await pieces.next();
          } catch (error) {
            if (!isLeft) onFailure(error);
            throw error;
          }
        },
        async return() {
          isLeft = true;
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
