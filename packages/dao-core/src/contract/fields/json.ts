import * as z from "zod";
import { isDate, isPlainObject } from "./realms.ts";
import { unstorableText } from "./scalars.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };
export type JsonArray = JsonValue[];

/** How deep a JSON value may nest: `[]` is 1 deep, `[[]]` is 2 (contract, "Data"). */
export const MAX_JSON_DEPTH = 64;

interface JsonProblem {
  readonly path: PropertyKey[];
  readonly message: string;
}

/**
 * Returns why `value` cannot be stored as JSON and read back unchanged, or `undefined` if it can: it is not JSON (dates, `NaN`,
 * functions, cycles), holds whole numbers beyond the precision of a double, text that PostgreSQL cannot store, or nests too
 * deeply.
 */
export function findJsonProblem(value: unknown, depth = 0): JsonProblem | undefined {
  if (typeof value === "string") return problem(unstorableText(value));
  if (typeof value === "number") return isHeld(value) ? undefined : problem(NUMBER_PROBLEM);
  if (typeof value === "boolean" || value === null) return undefined;
  if (typeof value !== "object") return problem(`must be JSON, not ${typeof value}`);
  if (depth >= MAX_JSON_DEPTH) return problem(`must nest at most ${MAX_JSON_DEPTH} deep`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = findJsonProblem(value[index], depth + 1);
      if (found !== undefined) return { ...found, path: [index, ...found.path] };
    }
    return undefined;
  }
  if (!isPlainObject(value)) return problem("must be plain JSON, not an instance of a class");
  // Not `Object.entries`, which takes three times as long for an object in dictionary mode.
  for (const key of Object.keys(value)) {
    const unstorable = unstorableText(key);
    if (unstorable !== undefined) {
      return problem(`has a key that ${unstorable.replace("must not contain", "contains")}`);
    }
    const found = findJsonProblem(Reflect.get(value, key), depth + 1);
    if (found !== undefined) return { ...found, path: [key, ...found.path] };
  }
  return undefined;
}

/** Deeper than any valid input. */
const COPIED_DEPTH = MAX_JSON_DEPTH + 10;

/** A copy of input that is read after the call has returned, when the caller may have changed it; what is not plain stays as it is. */
export function copyOf(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > COPIED_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1));
  if (isDate(value)) return new Date(value);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item, depth + 1)]));
}

function problem(message: string | undefined): JsonProblem | undefined {
  return message === undefined ? undefined : { path: [], message };
}

const NUMBER_PROBLEM =
  "must be a finite number that a double represents exactly (integers up to 9007199254740992); send any other as text";

/**
 * Whether JavaScript has kept the number as it was written, as far as can be seen. A number from 1e21 on is written with an
 * exponent, like a float; a smaller integer beyond 2⁵³ may have been a different one before it was parsed.
 */
function isHeld(number: number): boolean {
  return Number.isFinite(number) && !(Math.abs(number) > 2 ** 53 && Math.abs(number) < 1e21);
}

function json<T extends JsonValue>(isKind: (value: unknown) => boolean, expected: string) {
  // `custom` passes the value on by reference, so that keys such as `__proto__` survive.
  return z.custom<T>(isKind, { error: `must be ${expected}`, abort: true }).superRefine((value, context) => {
    const found = findJsonProblem(value);
    if (found !== undefined) context.addIssue({ code: "custom", ...found });
  });
}

/** A JSON object, passed through unchanged. A number that a double cannot represent is a validation error. */
export function jsonObject() {
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  return json<JsonObject>(isObject, "a JSON object").meta({ type: "object", additionalProperties: true });
}

/** A JSON array, passed through unchanged. A number that a double cannot represent is a validation error. */
export function jsonArray() {
  return json<JsonArray>(Array.isArray, "a JSON array").meta({ type: "array", items: {} });
}
