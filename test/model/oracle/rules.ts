/**
 * The rules of values, written from contract.md, "Data". Deliberately plain, and without a line of the library: a second
 * implementation of the same rules, to test the first one.
 */
export type Rule = (value: unknown) => boolean;

/** Free text: any Unicode except NUL and unpaired surrogates, its length counted in code points, not trimmed. */
export function text(min = 0, max = Number.POSITIVE_INFINITY): Rule {
  return (value) => {
    if (!isStorableText(value)) return false;
    const length = Array.from(value).length;
    return length >= min && length <= max;
  };
}

function isStorableText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\u0000") && !/\p{Surrogate}/u.test(value);
}

/** 1 to 255 characters with one `@`, nothing empty between dots, no space. */
export const emailAddress: Rule = (value) => {
  if (!text(1, 255)(value) || typeof value !== "string" || /\s/u.test(value)) return false;
  const sides = value.split("@");
  return sides.length === 2 && sides.every((side) => side.split(".").every((part) => part !== ""));
};

/** Any 8-4-4-4-12 hex form, either case, whatever its version bits. */
export const uuid: Rule = (value) =>
  typeof value === "string" && /^[\da-fA-F]{8}(-[\da-fA-F]{4}){3}-[\da-fA-F]{12}$/.test(value);

export const boolean: Rule = (value) => value === true || value === false;

export const oneOf = (...values: readonly string[]): Rule => {
  return (value) => typeof value === "string" && values.includes(value);
};

/** A whole number; a week is a PostgreSQL `int`, a page any integer that JavaScript represents exactly. */
export function wholeNumber(min: number, max: number): Rule {
  return (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}

/** A float ≥ 0; JSON has neither NaN nor infinity. */
export const speed: Rule = (value) => typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;

/** An instant that RFC 3339 can express. */
export const instant: Rule = (value) => {
  if (!(value instanceof Date)) return false;
  return (
    value.getTime() >= Date.parse("0001-01-01T00:00:00.000Z") &&
    value.getTime() <= Date.parse("9999-12-31T23:59:59.999Z")
  );
};

const DEPTH = 64;

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === "boolean") return true;
  // An integer beyond 2⁵³ may not be the one that was written; from 1e21 on it has an exponent, like a float.
  if (typeof value === "number")
    return Number.isFinite(value) && (Math.abs(value) <= 2 ** 53 || Math.abs(value) >= 1e21);
  if (typeof value === "string") return isStorableText(value);
  if (typeof value !== "object" || value instanceof Date || depth === DEPTH) return false;
  if (Array.isArray(value)) return value.every((member) => isJson(member, depth + 1));
  return Object.entries(value).every(([key, member]) => isStorableText(key) && isJson(member, depth + 1));
}

export const jsonObject: Rule = (value) => {
  return typeof value === "object" && value !== null && !Array.isArray(value) && isJson(value, 0);
};

export const jsonArray: Rule = (value) => Array.isArray(value) && isJson(value, 0);
