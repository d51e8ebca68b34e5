/**
 * `valid` with these fields instead of its own, whatever their types: what a caller without a type checker could send.
 * A field that is `undefined` is as good as absent.
 */
export function untyped<Input extends object>(valid: Input, fields: object): Input {
  return Object.assign({}, valid, fields);
}
