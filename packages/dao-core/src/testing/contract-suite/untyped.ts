/**
 * Returns `valid` with these fields of any type, as a caller without a type checker could pass it.
 * A field that is `undefined` counts as absent.
 */
export function untyped<Input extends object>(valid: Input, fields: object): Input {
  // Not `Object.assign`, for which a field named `__proto__` would set the prototype.
  return { ...valid, ...fields };
}
