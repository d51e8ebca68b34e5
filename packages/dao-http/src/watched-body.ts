/** The pieces of `body`, with `onFailure` told when one cannot be had: by then the status has been sent. */
export function watchedBody(body: AsyncIterable<string>, onFailure: (error: unknown) => void): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            return await pieces.next();
          } catch (error) {
            onFailure(error);
            throw error;
          }
        },
        async return() {
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
