/*
 * What a value is, also if it comes from another realm, where `instanceof` says no: of `structuredClone`, `fetch`, `vm` or Node.js's
 * own modules under Jest, of an iframe. Each package has this file, since the client loads nothing of dao-core but its errors;
 * test/realms.test.ts compares them.
 */

const tagOf = (value: unknown): string => Object.prototype.toString.call(value);

export function isDate(value: unknown): value is Date {
  return value instanceof Date || (typeof value === "object" && tagOf(value) === "[object Date]");
}

export function isError(value: unknown): value is Error {
  return value instanceof Error || /^\[object (Error|DOMException)\]$/.test(tagOf(value));
}

/** Whether it is an object of no class, as JSON has them: its prototype is a realm's `Object.prototype`, or null. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}
