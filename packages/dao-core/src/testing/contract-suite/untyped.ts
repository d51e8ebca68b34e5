/**
 * `valid` with these fields instead of its own, whatever their types: what a caller without a type checker could send.
 * A field that is `undefined` is as good as absent.
 */
export function untyped<Input extends object>(valid: Input, fields: object): Input {
  // Not `Object.assign`, to which a field of the name `__proto__` would be a prototype.
  return { ...valid, ...fields };
}
