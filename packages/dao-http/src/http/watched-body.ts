/**
 * The pieces of `body`. `ended` is called once, with what it failed with if it failed: by then the status has been sent. A
 * reader that leaves ends the body without a failure.
 */
export function watchedBody(
  body: AsyncIterable<string>,
  ended: (failure?: { readonly error: unknown }) => void,
): AsyncIterable<string> {
  let hasEnded = false;
  const end = (failure?: { readonly error: unknown }) => {
    if (!hasEnded) ended(failure);
    hasEnded = true;
  };
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const piece = await pieces.next();
            if (piece.done === true) end();
            return piece;
          } catch (error) {
            end({ error });
            throw error;
          }
        },
        async return() {
          end();
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
