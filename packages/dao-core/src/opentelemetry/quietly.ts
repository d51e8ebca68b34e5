/**
 * Tells the SDK something. What its parts throw that are a host's own (samplers, processors, propagators) is no reason
 * for a statement to fail, or to be taken for failed when it is done.
 */
export function quietly<Result>(tell: () => Result): Result | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}
